package report

import (
	"errors"
	"strings"
	"testing"

	"echod/lab/inject/plan"
	"echod/lab/inject/trial"
)

var some = plan.Case{Target: "net/tcp", Call: "accept4", Errno: "ENOMEM", When: plan.First}

func TestStatus(t *testing.T) {
	known, err := ParseKnown("net/tcp accept4 ENOMEM # because")
	if err != nil {
		t.Fatal(err)
	}
	other := some
	other.Errno = "ENFILE"
	broken := trial.Observation{Injected: 1, Ended: "exit status 1"}
	tests := []struct {
		name string
		c    plan.Case
		o    trial.Observation
		err  error
		want Status
		word string
	}{
		{"no finding", some, trial.Observation{Injected: 1}, nil, OK, "ok"},
		{"no injected call", some, trial.Observation{}, nil, Unreached, "unreached"},
		{"a finding", other, broken, nil, Broken, "exit"},
		{"a known finding", some, broken, nil, Known, "(exit)"},
		{"panic", other, trial.Observation{Crashed: []string{"panic: x"}}, nil, Broken, "panic"},
		{"fatal error of the runtime", some, trial.Observation{Crashed: []string{"fatal error: runtime: netpollinit failed"}}, nil,
			Runtime, "runtime"},
		{"a finding in one run", some, trial.Observation{Injected: 1, Unsteady: []trial.Finding{{Promise: trial.NoBusyLoop, Timed: true}}}, nil,
			Unsteady, "unsteady"},
		{"the trial failed", some, broken, errors.New("no strace"), Failed, "failed"},
	}
	for _, tt := range tests {
		r := Of(tt.c, tt.o, tt.err, known, 0)
		if r.Status != tt.want || r.Word() != tt.word {
			t.Errorf("%s: got %s, %q; want %s, %q", tt.name, r.Status, r.Word(), tt.want, tt.word)
		}
	}
}

func TestTextHasARowForEachErrnoAndTheCommandToRepeat(t *testing.T) {
	tenth := some
	tenth.When = plan.Tenth
	d := Document{Seed: 7, Total: 9, Results: []Result{
		Of(some, trial.Observation{Injected: 1}, nil, nil, 0),
		Of(tenth, trial.Observation{Injected: 1, Ended: "exit status 1"}, nil, nil, 0),
	}}
	var text strings.Builder
	if err := d.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"TARGET   CALL     ERRNO   FIRST  SECOND  THIRD  FIFTH  TENTH  ALWAYS\n",
		"net/tcp  accept4  ENOMEM  ok     -       -      -      exit   -\n",
		"\nnet/tcp accept4 ENOMEM tenth\n  process survives (P6): the process ended: exit status 1\n",
		"go run . -only 'net/tcp accept4 ENOMEM tenth'\n",
		"\n2 of 9 cases, seed 7: 1 ok, 1 broken\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("want %q in\n%s", want, text.String())
		}
	}
}

func TestKnownList(t *testing.T) {
	for text, want := range map[string]string{
		"net/tcp accept4":           "line 1: no reason",
		"# x\nnet/sctp # x":         "line 2: no case matches",
		"net/tcp accept4 E1 # x":    "line 1: no case matches",
		"a b c d e # x":             "line 1: pattern",
		"# a comment\n\n":           "",
		"net/* accept4 * always # ": "line 1: no reason",
	} {
		_, err := ParseKnown(text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestUnusedEntriesAreListed(t *testing.T) {
	known, err := ParseKnown("net/tcp accept4 ENOMEM first # a\nnet/tcp accept4 ENFILE # b")
	if err != nil {
		t.Fatal(err)
	}
	fine := Of(some, trial.Observation{Injected: 1}, nil, known, 0)
	if got := known.Unused([]Result{fine}); len(got) != 1 || got[0] != "net/tcp accept4 ENOMEM first" {
		t.Errorf("got %q, want only the first entry: no case of the second was run", got)
	}
}
