package check

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"echod/internal/sequence"
	"echod/internal/trace"
)

// Verdict is the result of one rule, or of all of them.
type Verdict string

const (
	Pass  Verdict = "pass"
	Fail  Verdict = "fail"
	Skip  Verdict = "skip"  // the rule cannot run on this target; the detail says why
	Error Verdict = "error" // the result is inconclusive
)

// Report is the result of a Run. It is written as text, JSON, JUnit XML or TAP, and
// read back from JSON.
type Report struct {
	Echod       string // the version of echod that made it; "" if another program did
	Target      Target
	Addresses   []Address // of the target's name; none if it has no name
	Options     Options   // with the defaults and the seed filled in
	NotEcho     *NotEcho  // set if the target is not an echo: then no rule has run
	Path        Path      // what the path carried at the start
	Results     []Result
	Elapsed     time.Duration
	Connections int  // that the rules made
	Retried     int  // how many of them failed at first, and passed when tried again
	Interrupted bool // whether it was interrupted before every rule had finished
}

// Result is the result of one rule.
type Result struct {
	Rule        string // its ID
	Verdict     Verdict
	Class       Class    // how it failed, or why it is inconclusive; "" if there is no class
	Evidence    Evidence // of a failure: what was seen beyond the class; "" if nothing
	Size        int64    // of a failure: how many bytes were due together; 0 if it is not about bytes
	Offset      int64    // of the first wrong byte that came back; -1 if there is none
	Got         string   // what came back; "" where that does not help
	Want        string   // what should have come back
	Detail      string   // what was seen, in one plain sentence
	Meaning     string   // of a failure: what it means
	Cause       string   // of a failure: a likely cause, where known
	Remedy      string   // of a failure: what fixes it, where known
	ExplainedBy string   // of a failure: the rule whose failure probably has the same reason; "" if none
	Elapsed     time.Duration
	Life        []Step       // of a failure: the steps of the connection on which it was found; none if it is not about one
	Agent       *AgentReport // what the agent saw of that connection; nil if it has not told
}

// interrupted is the Detail of a rule that was interrupted.
const interrupted = "interrupted"

// Verdict returns Fail if a rule failed, Pass if none did and at least one passed, and
// Error if the report is inconclusive.
func (r *Report) Verdict() Verdict {
	switch {
	case r.count(Fail) > 0:
		return Fail
	case r.count(Error) > 0, r.count(Pass) == 0, r.unmeasured():
		return Error
	}
	return Pass
}

// unmeasured reports whether the budget has ended rules on a path whose rate could not be
// measured: nothing shows that they did more than wait for what does not come.
func (r *Report) unmeasured() bool {
	_, over := notInBudget(r.Options, r.Results)
	return over > 0 && r.Path.Rate == 0 && r.Target.Network != "udp"
}

// Seed returns the seed of all bytes.
func (r *Report) Seed() uint64 { return r.Options.Seed }

func (r *Report) count(v Verdict) int {
	n := 0
	for _, result := range r.Results {
		if result.Verdict == v {
			n++
		}
	}
	return n
}

// Command returns the command line that repeats one rule with the same bytes; "" for a
// target with a Dial, which no command line can name.
func (r *Report) Command(rule string) string {
	if r.Target.Dial != nil {
		return ""
	}
	words := []string{"echod", "check", "--rule", rule, "--seed", strconv.FormatUint(r.Seed(), 10)}
	if rule == aliveRule { // it depends on all of them
		words = slices.Delete(words, 2, 4)
	}
	words = append(words, r.Options.flags()...)
	words = append(words, r.Target.flags()...)
	words = append(words, r.Target.String())
	for i, word := range words {
		words[i] = quoteForShell(word)
	}
	return strings.Join(words, " ")
}

func quoteForShell(word string) string {
	special := func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune("-_./:@%+=,", r)
	}
	if strings.ContainsFunc(word, special) {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}

// Row is one labelled value, e.g. of the explanation of a failure.
type Row struct{ Label, Value string }

// rows explains a result that failed. Other results have no rows. The cause of a failure
// that another one explains is that of the other.
func (r *Report) rows(result Result) []Row {
	if result.Verdict != Fail {
		return nil
	}
	explanation := []Row{{"means", result.Meaning}, {"cause", result.Cause}, {"remedy", result.Remedy}}
	if result.ExplainedBy != "" {
		explanation = []Row{{"explained_by", result.ExplainedBy}}
	}
	seen := result.Detail
	if seen == result.Note() {
		seen = "" // it is above
	}
	var rows []Row
	for _, row := range slices.Concat(
		[]Row{{"seen", seen}, {"got", result.Got}, {"want", result.Want}, {"steps", result.steps()}},
		explanation,
		[]Row{{"repeat", r.Command(result.Rule)}},
	) {
		if row.Value != "" {
			rows = append(rows, row)
		}
	}
	return rows
}

// steps returns the last steps of the connection in a few words; "" if the failure is not about
// one.
func (r Result) steps() string {
	life := sequence.Of(trace.Client, r.Life)
	if life == nil {
		return ""
	}
	return life.Summary()
}

// Note returns what tables say about the result, in a few words; "" if there is nothing to say.
func (r Result) Note() string {
	switch {
	case r.Verdict == Error && r.Class != "":
		return r.Detail + " (" + string(r.Class) + ")"
	case r.Verdict != Fail, r.Rule == aliveRule:
		return r.Detail
	case r.Offset >= 0:
		return string(r.Class) + " at byte " + strconv.FormatInt(r.Offset, 10)
	}
	return string(r.Class)
}

// testCase is one rule, or the verdict that the target is not an echo, as JUnit XML and TAP show it.
type testCase struct {
	rule    string
	verdict Verdict
	class   Class
	message string // in a few words
	rows    []Row  // in full
	elapsed time.Duration
}

func (r *Report) testCases() []testCase {
	if r.NotEcho != nil {
		return []testCase{r.NotEcho.testCase(r.Elapsed)}
	}
	cases := make([]testCase, 0, len(r.Results))
	for _, result := range r.Results {
		cases = append(cases, testCase{
			rule: result.Rule, verdict: result.Verdict, class: result.Class,
			message: result.Note(), rows: r.rows(result), elapsed: result.Elapsed,
		})
	}
	return cases
}

// properties describe the whole report in JUnit XML and TAP.
func (r *Report) properties() []Row {
	rows := []Row{{"target", r.target()}, {"seed", strconv.FormatUint(r.Seed(), 10)}}
	if r.Echod != "" {
		rows = append(rows, Row{"echod", r.Echod})
	}
	return rows
}
