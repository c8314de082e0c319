package check

import (
	"strconv"
	"strings"
	"time"
)

// Verdict is the result of one rule, or of all of them.
type Verdict string

const (
	Pass  Verdict = "pass"
	Fail  Verdict = "fail"
	Skip  Verdict = "skip"  // the rule cannot run on this target; the detail says why
	Error Verdict = "error" // the result is inconclusive
)

// Report is what came of a Run. It is written as text, JSON, JUnit XML or TAP,
// and read back from JSON.
type Report struct {
	Echod       string // the version of echod that made it; "" if a program of another name did
	Target      Target
	Options     Options // as given, with the defaults and the seed filled in
	Results     []Result
	Elapsed     time.Duration
	Interrupted bool // whether it was called off before every rule had ended
}

// Result is what came of one rule.
type Result struct {
	Rule    string // its ID
	Verdict Verdict
	Class   Class  // how it failed; "" if it did not
	Offset  int64  // the first bad byte of what came back; -1 if there is none
	Got     string // what was there, and
	Want    string // what should have been; "" where that says nothing
	Detail  string // what was seen, in one plain sentence
	Meaning string // of a failure: what it means
	Cause   string // of a failure: who tends to do this, where known
	Remedy  string // of a failure: what mends it, where known
	Elapsed time.Duration
}

// Verdict is Fail if a rule failed, Pass if none did and at least one passed,
// and Error if it could not be told.
func (r *Report) Verdict() Verdict {
	switch {
	case r.count(Fail) > 0:
		return Fail
	case r.count(Error) > 0, r.count(Pass) == 0:
		return Error
	}
	return Pass
}

// Seed is what every byte was made from.
func (r *Report) Seed() uint64 { return r.Options.Seed }

// Command is the command line that repeats one rule with the same bytes; "" for
// a target that no command line can name.
func (r *Report) Command(rule string) string {
	if r.Target.Dial != nil {
		return ""
	}
	words := []string{"echod", "check", "--rule", rule, "--seed", strconv.FormatUint(r.Seed(), 10)}
	words = append(words, r.Options.flags()...)
	words = append(words, r.Target.flags()...)
	words = append(words, r.Target.String())
	for i, word := range words {
		words[i] = shellWord(word)
	}
	return strings.Join(words, " ")
}

// shellWord is word as a shell reads it back.
func shellWord(word string) string {
	if strings.ContainsFunc(word, special) {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}

func special(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !letter && !strings.ContainsRune("-_./:@%+=,", r)
}

func (r *Report) count(v Verdict) int {
	n := 0
	for _, result := range r.Results {
		if result.Verdict == v {
			n++
		}
	}
	return n
}

// row is one labelled piece of what there is to say about a result.
type row struct{ label, value string }

// rows explain a result that failed.
func (r *Report) rows(result Result) []row {
	if result.Verdict != Fail {
		return nil
	}
	var said []row
	for _, row := range []row{
		{"seen", result.Detail},
		{"got", result.Got},
		{"want", result.Want},
		{"means", result.Meaning},
		{"cause", result.Cause},
		{"remedy", result.Remedy},
		{"repeat", r.Command(result.Rule)},
	} {
		if row.value != "" {
			said = append(said, row)
		}
	}
	return said
}

// brief is the result in a few words: what a table has room for.
func (r Result) brief() string {
	switch {
	case r.Verdict != Fail:
		return r.Detail
	case r.Offset >= 0:
		return string(r.Class) + " at byte " + strconv.FormatInt(r.Offset, 10)
	}
	return string(r.Class)
}

// unfinished is the detail of a rule that was called off.
const unfinished = "interrupted"
