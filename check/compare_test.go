package check_test

import (
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/check"
)

func TestWhoseAFailureIs(t *testing.T) {
	fail := func(class check.Class) check.Result { return check.Result{Verdict: check.Fail, Class: class} }
	pass := check.Result{Verdict: check.Pass}
	skip := check.Result{Verdict: check.Skip, Detail: "needs --agent"}
	doubt := check.Result{Verdict: check.Error, Detail: "too many open files"}
	tests := []struct {
		name         string
		path, direct check.Result
		whose        check.Whose
		says         string
		verdict      check.Verdict
	}{
		{"both pass", pass, pass, check.Nobodys, "", check.Pass},
		{"both skip", skip, skip, check.Nobodys, "", check.Error},
		{"through the path only", fail(check.Reset), pass, check.ThePaths,
			"it is the path's: directly the server keeps it, through the path it ends in reset", check.Fail},
		{"both, alike", fail(check.Reset), fail(check.Reset), check.TheServers,
			"it is the server's: it fails directly in the same way (reset)", check.Fail},
		{"both, each in its way", fail(check.Silent), fail(check.Reset), check.TheServers,
			"it is the server's: it fails directly, too (reset), and through the path it shows as silent", check.Fail},
		{"directly only", pass, fail(check.Reset), check.DirectOnly,
			"it fails directly only (reset): the server breaks it, and the path mends or hides that", check.Fail},
		{"the path fails, the server was not asked", fail(check.Reset), skip, check.Untold,
			"it fails through the path; whose it is cannot be told, because directly it was skipped: needs --agent", check.Fail},
		{"the path fails, the server is in doubt", fail(check.Reset), doubt, check.Untold,
			"it fails through the path; whose it is cannot be told, because directly it could not be told: too many open files", check.Fail},
		{"the server fails, the path is in doubt", doubt, fail(check.Reset), check.TheServers,
			"it is the server's: it fails directly; through the path it could not be told: too many open files", check.Fail},
		{"the path is in doubt", doubt, pass, check.Untold,
			"through the path it could not be told: too many open files", check.Error},
		{"both are in doubt", doubt, doubt, check.Untold,
			"on either way it could not be told: too many open files", check.Error},
		{"the server is in doubt", pass, doubt, check.Untold,
			"directly it could not be told: too many open files", check.Error},
		{"the path was not asked", skip, pass, check.Nobodys,
			"it passes directly; through the path it was skipped: needs --agent", check.Error},
		{"the rule is not for that network", pass, check.Result{}, check.Nobodys,
			"it passes through the path; directly it was not asked", check.Error},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := check.Compare(one(tt.path), one(tt.direct))
			got := c.Rules[0]
			if got.Whose != tt.whose || got.Says != tt.says {
				t.Errorf("got  %q, %s\nwant %q, %s", got.Whose, got.Says, tt.whose, tt.says)
			}
			if got := c.Verdict(); got != tt.verdict {
				t.Errorf("verdict of the comparison: got %s, want %s", got, tt.verdict)
			}
		})
	}
}

// TestWhatAClosedPortSaysIsThePaths: there is no server to be asked directly.
func TestWhatAClosedPortSaysIsThePaths(t *testing.T) {
	skip := check.Result{Rule: "stream/refused", Verdict: check.Skip, Detail: "needs --closed URL"}
	tests := []struct {
		path  check.Result
		whose check.Whose
		says  string
	}{
		{check.Result{Verdict: check.Pass}, check.Nobodys, ""},
		{check.Result{Verdict: check.Fail, Class: check.Reset}, check.ThePaths,
			"it is the path's: no server stands behind that port that could have done this"},
	}
	for _, tt := range tests {
		tt.path.Rule = skip.Rule
		got := check.Compare(&check.Report{Results: []check.Result{tt.path}},
			&check.Report{Results: []check.Result{skip}}).Rules[0]
		if got.Whose != tt.whose || got.Says != tt.says {
			t.Errorf("%s: got %q, %s; want %q, %s", tt.path.Verdict, got.Whose, got.Says, tt.whose, tt.says)
		}
	}
}

// one is a report of one rule; of none, if the result has no verdict.
func one(r check.Result) *check.Report {
	report := &check.Report{Target: check.Target{Network: "tcp"}}
	if r.Verdict != "" {
		r.Rule, r.Offset = "stream/half-close", -1
		report.Results = []check.Result{r}
	}
	return report
}

// TestEveryRuleOfEitherReportIsCompared: a target of another network has rules
// of its own.
func TestEveryRuleOfEitherReportIsCompared(t *testing.T) {
	path := &check.Report{Results: []check.Result{{Rule: "stream/half-close"}, {Rule: "unknown"}}}
	direct := &check.Report{Results: []check.Result{{Rule: "stream/fin-only"}, {Rule: "stream/first-byte"}}}
	var got []string
	for _, rule := range check.Compare(path, direct).Rules {
		got = append(got, rule.Rule)
	}
	want := []string{"stream/first-byte", "stream/half-close", "stream/fin-only", "unknown"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

func TestFormatsOfAComparison(t *testing.T) {
	path, direct := sample(), sample()
	direct.Target.Address = "192.0.2.7:7"
	direct.Elapsed = time.Second
	direct.Results[1] = check.Result{Rule: "stream/half-close", Verdict: check.Pass, Offset: -1, Elapsed: time.Millisecond}
	direct.Results[3].Verdict, direct.Results[3].Detail = check.Pass, ""
	c := check.Compare(path, direct)
	for name, write := range map[string]func(io.Writer) error{
		"comparison.txt":  func(w io.Writer) error { return c.WriteText(w, false) },
		"comparison.json": c.WriteJSON,
		"comparison.xml":  c.WriteJUnit,
		"comparison.tap":  c.WriteTAP,
	} {
		t.Run(name, func(t *testing.T) { wantGolden(t, name, write) })
	}
}

func TestStreamsAreNotComparedWithDatagrams(t *testing.T) {
	tcp, udp, unix := check.Target{Network: "tcp", Address: "h:7"}, check.Target{Network: "udp", Address: "h:7"}, check.Target{Network: "unix", Address: "/s"}
	if err := check.Comparable(tcp, unix); err != nil {
		t.Errorf("tcp and unix: got %v, want nil", err)
	}
	err := check.Comparable(udp, tcp)
	if err == nil || err.Error() != "udp://h:7 cannot be compared with tcp://h:7; streams and datagrams have no rule in common" {
		t.Errorf("udp and tcp: got %v, want a refusal that says why", err)
	}
}
