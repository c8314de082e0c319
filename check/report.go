package check

import (
	"strconv"
	"time"
)

// Report is what came of a Run.
type Report struct {
	Target  Target
	Options Options // as given, with the defaults and the seed filled in
	Results []Result
	Elapsed time.Duration
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
	command := "echod check --rule " + rule + " --seed " + strconv.FormatUint(r.Seed(), 10)
	if r.Options.Timeout != DefaultTimeout {
		command += " --timeout " + r.Options.Timeout.String()
	}
	if r.Options.Conns != DefaultConns {
		command += " --conns " + strconv.Itoa(r.Options.Conns)
	}
	return command + " " + r.Target.String()
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
