package selftest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/check"
	"echod/internal/engine"
	"echod/internal/engine/gonet"
	"echod/internal/selftest"
)

func column(name, network string, results ...check.Result) selftest.Column {
	return selftest.Column{Engine: name, Network: network, Report: &check.Report{
		Options: check.Options{Seed: 7},
		Target:  check.Target{Network: network, Address: name, Dial: dialClosed},
		Results: results,
	}}
}

func dialClosed(context.Context) (net.Conn, error) { return nil, net.ErrClosed }

func result(rule string, v check.Verdict) check.Result {
	r := check.Result{Rule: rule, Verdict: v, Offset: -1}
	if v == check.Fail {
		r.Class, r.Detail = check.Reset, "it was reset"
	}
	return r
}

func sample() *selftest.Matrix {
	return &selftest.Matrix{
		Seed: 7, Elapsed: 12340 * time.Millisecond,
		Columns: []selftest.Column{
			column("net", "tcp", result("stream/first-byte", check.Pass), result("stream/churn", check.Skip)),
			column("net", "udp", result("datagram/exact", check.Pass)),
			column("epoll", "tcp", result("stream/first-byte", check.Fail), result("stream/churn", check.Skip)),
			{Engine: "epoll", Network: "udp", Err: errors.New("serve udp: no room")},
		},
		Absent: []selftest.Absent{{Engine: "poll", Reason: errors.New("not here")}},
	}
}

const sampleText = `seed 7

tcp                net     epoll
stream/first-byte  pass    fail
stream/churn       skip    skip

udp                net     epoll
datagram/exact     pass

epoll/tcp  stream/first-byte: reset
  seen    it was reset
  repeat  echod selftest --rule stream/first-byte --seed 7

epoll/udp: serve udp: no room

engine poll was not tested: not here

not honest: 2 passed, 1 failed, 0 inconclusive, 2 skipped, by 2 engines (12.3s)
`

func TestTextHasAColumnForEachEngine(t *testing.T) {
	m := sample()
	var got strings.Builder
	if err := m.WriteText(&got, false); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sampleText, got.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

func TestJSONHasEveryReport(t *testing.T) {
	var text strings.Builder
	if err := sample().WriteJSON(&text); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Schema  int
		Verdict check.Verdict
		Columns []struct {
			Engine, Network, Error string
			Report                 *check.Report
		}
		Absent []struct{ Engine, Reason string }
	}
	if err := json.Unmarshal([]byte(text.String()), &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != check.Schema || got.Verdict != check.Fail || len(got.Columns) != 4 || len(got.Absent) != 1 {
		t.Errorf("got %+v", got)
	}
	if c := got.Columns[2]; c.Engine != "epoll" || c.Network != "tcp" || c.Report.Results[0].Verdict != check.Fail {
		t.Errorf("third column: got %+v, want epoll on tcp, which fails", c)
	}
	if c := got.Columns[3]; c.Error != "serve udp: no room" || c.Report != nil {
		t.Errorf("fourth column: got %+v, want an error and no report", c)
	}
}

func TestMatrixVerdict(t *testing.T) {
	pass, fail := column("a", "tcp", result("x", check.Pass)), column("b", "tcp", result("x", check.Fail))
	inconclusive, broken := column("c", "tcp", result("x", check.Error)), selftest.Column{Err: errors.New("no")}
	tests := []struct {
		name    string
		columns []selftest.Column
		want    check.Verdict
	}{
		{"all pass", []selftest.Column{pass, pass}, check.Pass},
		{"one fails", []selftest.Column{broken, fail, pass}, check.Fail},
		{"one is inconclusive", []selftest.Column{pass, inconclusive}, check.Error},
		{"one did not start", []selftest.Column{broken, pass}, check.Error},
		{"none", nil, check.Error},
	}
	for _, tt := range tests {
		if got := (&selftest.Matrix{Columns: tt.columns}).Verdict(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// absent is an engine that does not work on this machine. noPort is one whose
// servers cannot listen.
type absent struct{ engine.Engine }

func (absent) Name() string { return "absent" }
func (absent) Probe() error { return engine.ErrUnsupported }

type noPort struct{ engine.Engine }

func (noPort) Name() string                             { return "no-port" }
func (noPort) New(engine.Config) (engine.Server, error) { return nil, errors.New("no room") }

func TestRunTestsEnginesThatWorkAndListsTheOthers(t *testing.T) {
	seen := map[string]bool{}
	var last check.Progress
	m, err := selftest.Run(t.Context(), []engine.Engine{gonet.New(), absent{gonet.New()}, noPort{gonet.New()}}, selftest.Options{
		Rules: []string{"stream/fin-only", "stream/first-byte"},
		Progress: func(p check.Progress) {
			if last = p; p.Result != nil {
				seen[p.Result.Rule] = p.Result.Verdict == check.Pass
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{
		"net/tcp stream/fin-only": true, "net/tcp stream/first-byte": true,
		"net/tls stream/fin-only": true, "net/tls stream/first-byte": true,
		"net/unix stream/fin-only": true, "net/unix stream/first-byte": true,
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
	// The servers of three networks could not listen, and were not checked.
	if last.Done != 6 || last.Total != 12 || len(last.Running) != 0 {
		t.Errorf("got %d of %d and %v running in the end, want 6 of 12 and none", last.Done, last.Total, last.Running)
	}
	if len(m.Columns) != 6 || m.Columns[3].Err == nil || len(m.Absent) != 1 || m.Verdict() != check.Error {
		t.Errorf("got %d columns, fourth %v, %d absent, verdict %s; want 6, an error, 1, error",
			len(m.Columns), m.Columns[3].Err, len(m.Absent), m.Verdict())
	}
}

func TestAnUnknownRuleIsAUsageError(t *testing.T) {
	_, err := selftest.Run(t.Context(), []engine.Engine{gonet.New()},
		selftest.Options{Rules: []string{"stream/fin-onyl"}, Progress: func(check.Progress) {}})
	if _, ok := errors.AsType[*check.UsageError](err); !ok {
		t.Errorf("got %v, want a usage error", err)
	}
}

func TestTheSummaryOfAnInterruptedTestSaysSo(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	m, err := selftest.Run(canceled, []engine.Engine{gonet.New()}, selftest.Options{Progress: func(check.Progress) {}})
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Summary(); !strings.HasPrefix(got, "interrupted: inconclusive: 0 passed") {
		t.Errorf("got %s", got)
	}
}
