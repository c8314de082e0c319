package check_test

import (
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/check"
)

func TestCompareFindsWhoIsAtFault(t *testing.T) {
	fail := func(class check.Class) check.Result { return check.Result{Verdict: check.Fail, Class: class} }
	pass := check.Result{Verdict: check.Pass}
	skip := check.Result{Verdict: check.Skip, Detail: "needs --agent"}
	inconclusive := check.Result{Verdict: check.Error, Detail: "too many open files"}
	tests := []struct {
		name         string
		path, direct check.Result
		blame        check.Blame
		detail       string
		verdict      check.Verdict
	}{
		{"both pass", pass, pass, check.BlameNone, "", check.Pass},
		{"both skip", skip, skip, check.BlameNone, "", check.Error},
		{"through the path only", fail(check.Reset), pass, check.BlamePath,
			"the path is at fault: the server passes directly, the path fails with reset", check.Fail},
		{"both, with the same class", fail(check.Reset), fail(check.Reset), check.BlameServer,
			"the server is at fault: it fails with reset, directly and through the path", check.Fail},
		{"both, with different classes", fail(check.Silent), fail(check.Reset), check.BlameServer,
			"the server is at fault: it fails directly with reset, and through the path with silent", check.Fail},
		{"directly only", pass, fail(check.Reset), check.BlameDirectOnly,
			"the server is at fault: it fails directly with reset, and the path fixes or hides that", check.Fail},
		{"the path fails, the direct check is skipped", fail(check.Reset), skip, check.Inconclusive,
			"inconclusive: the path fails with reset, and the direct check was skipped: needs --agent", check.Fail},
		{"the path fails, the direct check is inconclusive", fail(check.Reset), inconclusive, check.Inconclusive,
			"inconclusive: the path fails with reset, and the direct check was inconclusive: too many open files", check.Fail},
		{"the server fails, the path is inconclusive", inconclusive, fail(check.Reset), check.BlameServer,
			"the server is at fault: it fails directly with reset; the check through the path was inconclusive: too many open files", check.Fail},
		{"the path is inconclusive", inconclusive, pass, check.Inconclusive,
			"inconclusive through the path: too many open files", check.Error},
		{"both are inconclusive", inconclusive, inconclusive, check.Inconclusive,
			"inconclusive, directly and through the path: too many open files", check.Error},
		{"the direct check is inconclusive", pass, inconclusive, check.Inconclusive,
			"inconclusive directly: too many open files", check.Error},
		{"the check through the path is skipped", skip, pass, check.BlameNone,
			"passes directly; the check through the path was skipped: needs --agent", check.Error},
		{"the rule does not apply to the direct network", pass, check.Result{}, check.BlameNone,
			"passes through the path; the direct check did not run", check.Error},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := check.Compare(one(tt.path), one(tt.direct))
			got := c.Rules[0]
			if got.Blame != tt.blame || got.Detail != tt.detail {
				t.Errorf("got  %q, %s\nwant %q, %s", got.Blame, got.Detail, tt.blame, tt.detail)
			}
			if got := c.Verdict(); got != tt.verdict {
				t.Errorf("verdict of the comparison: got %s, want %s", got, tt.verdict)
			}
		})
	}
}

// TestOnlyThePathCanFailTLSBeforeAServerWithoutTLS: directly, these rules do not run.
func TestOnlyThePathCanFailTLSBeforeAServerWithoutTLS(t *testing.T) {
	tests := []struct {
		path   check.Result
		blame  check.Blame
		detail string
	}{
		{check.Result{Verdict: check.Pass}, check.BlameNone, ""},
		{check.Result{Verdict: check.Skip, Detail: "needs --agent"}, check.BlameNone, ""},
		{check.Result{Verdict: check.Fail, Class: check.Truncated}, check.BlamePath, "the path is at fault: directly there is no TLS"},
	}
	for _, tt := range tests {
		tt.path.Rule = "tls/truncation-to-server"
		got := check.Compare(&check.Report{Results: []check.Result{tt.path}}, &check.Report{}).Rules[0]
		if got.Blame != tt.blame || got.Detail != tt.detail {
			t.Errorf("%s: got %q, %s; want %q, %s", tt.path.Verdict, got.Blame, got.Detail, tt.blame, tt.detail)
		}
	}
}

// TestOnlyThePathCanFailRefused: the closed port has no server that could be
// checked directly.
func TestOnlyThePathCanFailRefused(t *testing.T) {
	skip := check.Result{Rule: "stream/refused", Verdict: check.Skip, Detail: "needs --closed URL"}
	tests := []struct {
		path   check.Result
		blame  check.Blame
		detail string
	}{
		{check.Result{Verdict: check.Pass}, check.BlameNone, ""},
		{check.Result{Verdict: check.Fail, Class: check.Reset}, check.BlamePath,
			"the path is at fault: no server listens behind that port"},
	}
	for _, tt := range tests {
		tt.path.Rule = skip.Rule
		got := check.Compare(&check.Report{Results: []check.Result{tt.path}},
			&check.Report{Results: []check.Result{skip}}).Rules[0]
		if got.Blame != tt.blame || got.Detail != tt.detail {
			t.Errorf("%s: got %q, %s; want %q, %s", tt.path.Verdict, got.Blame, got.Detail, tt.blame, tt.detail)
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
		"comparison.txt":       func(w io.Writer) error { return c.WriteText(w, false) },
		"comparison-brief.txt": func(w io.Writer) error { return c.WriteStyled(w, check.TextStyle{Brief: true}) },
		"comparison.json":      c.WriteJSON,
		"comparison.xml":       c.WriteJUnit,
		"comparison.tap":       c.WriteTAP,
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
	if err == nil || err.Error() != "udp://h:7 cannot be compared with tcp://h:7: streams and datagrams have no rule in common" {
		t.Errorf("udp and tcp: got %v, want an error that says why", err)
	}
}

func TestCompareSaysWhichSideIsNotAnEcho(t *testing.T) {
	echo := &check.Report{}
	http := &check.Report{NotEcho: &check.NotEcho{Kind: check.KindHTTP, Detail: "it answers like HTTP"}}
	silent := &check.Report{NotEcho: &check.NotEcho{Kind: check.KindSilent, Detail: "it accepts connections and never answers"}}
	tests := []struct {
		name         string
		path, direct *check.Report
		want         *check.ComparedEcho
	}{
		{"both are", echo, echo, nil},
		{"the path is not", http, echo, &check.ComparedEcho{Blame: check.BlamePath,
			Detail: "through the path, this is not an echo: it answers like HTTP; directly, it is one"}},
		{"the server is not", echo, http, &check.ComparedEcho{Blame: check.BlameDirectOnly,
			Detail: "directly, this is not an echo: it answers like HTTP; through the path, it is one"}},
		{"both are not", http, http, &check.ComparedEcho{Blame: check.BlameServer,
			Detail: "directly and through the path, this is not an echo: it answers like HTTP"}},
		{"both are not, in different ways", silent, http, &check.ComparedEcho{Blame: check.BlameServer,
			Detail: "directly, this is not an echo: it answers like HTTP; nor is it one through the path: it accepts connections and never answers"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := check.Compare(tt.path, tt.direct)
			if diff := cmp.Diff(tt.want, c.NotEcho); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if c.Verdict() != check.Error {
				t.Errorf("got the verdict %s, want error: no rule has run", c.Verdict())
			}
		})
	}
}

func TestAServerThatStopsOnlyOnOneSideIsNotInconclusive(t *testing.T) {
	rule := check.Result{Rule: "stream/first-byte", Verdict: check.Pass}
	stopped := &check.Report{Results: []check.Result{{Rule: "target/alive", Verdict: check.Fail, Class: check.Refused}, rule}}
	runs := &check.Report{Results: []check.Result{rule}}
	interrupted := &check.Report{Results: []check.Result{rule}, Interrupted: true}
	for _, tt := range []struct {
		name         string
		path, direct *check.Report
		want         check.Blame
	}{
		{"through the path", stopped, runs, check.BlamePath},
		{"directly", runs, stopped, check.BlameDirectOnly},
		{"on both sides", stopped, stopped, check.BlameServer},
		{"through the path, and the direct check was interrupted", stopped, interrupted, check.Inconclusive},
	} {
		var got []check.Blame
		for _, rule := range check.Compare(tt.path, tt.direct).Rules {
			if rule.Rule == "target/alive" {
				got = append(got, rule.Blame)
			}
		}
		if diff := cmp.Diff([]check.Blame{tt.want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
