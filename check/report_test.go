package check_test

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/check"
)

func sample() *check.Report {
	return &check.Report{
		Target: check.Target{Network: "tcp", Address: "192.0.2.1:7"},
		Options: check.Options{
			Seed: 42, Timeout: check.DefaultTimeout, Conns: check.DefaultConns, Absorb: check.DefaultAbsorb, Parallel: 4,
			Bulk: check.DefaultBulk, BulkTime: check.DefaultBulkTime, Stall: check.DefaultStall, IdleMax: check.DefaultIdleMax,
		},
		Elapsed: 6600 * time.Millisecond,
		Results: []check.Result{
			{Rule: "stream/first-byte", Verdict: check.Pass, Offset: -1, Elapsed: 560 * time.Microsecond},
			{Rule: "stream/half-close", Verdict: check.Fail, Class: check.PrematureEOF, Offset: 4096,
				Detail:  "256.0 KiB: the stream ended after 4096 of 262144 bytes",
				Meaning: "The reply is lost.", Cause: "a proxy", Remedy: "half-close", Elapsed: 12 * time.Millisecond},
			{Rule: "stream/chunking", Verdict: check.Fail, Class: check.Corrupt, Offset: 9, Got: "01 02", Want: "02 01",
				Detail: "byte 9 differs from the byte that was sent", Meaning: "Bytes are lost.", Elapsed: 1500 * time.Millisecond},
			{Rule: "stream/fin-only", Verdict: check.Skip, Offset: -1, Detail: "this connection cannot be half-closed"},
			{Rule: "stream/concurrency", Verdict: check.Error, Offset: -1, Detail: "connect: too many open files", Elapsed: time.Second},
		},
	}
}

const sampleText = `tcp://192.0.2.1:7  seed 42

stream/first-byte   pass     560µs
stream/half-close   fail      12ms  premature-eof at byte 4096
stream/chunking     fail      1.5s  corrupt at byte 9
stream/fin-only     skip        0s  this connection cannot be half-closed
stream/concurrency  error       1s  connect: too many open files

stream/half-close: premature-eof at byte 4096
  seen    256.0 KiB: the stream ended after 4096 of 262144 bytes
  means   The reply is lost.
  cause   a proxy
  remedy  half-close
  repeat  echod check --rule stream/half-close --seed 42 tcp://192.0.2.1:7

stream/chunking: corrupt at byte 9
  seen    byte 9 differs from the byte that was sent
  got     01 02
  want    02 01
  means   Bytes are lost.
  repeat  echod check --rule stream/chunking --seed 42 tcp://192.0.2.1:7

stream/concurrency: inconclusive: connect: too many open files

not honest: 2 of 5 rules failed, 1 inconclusive, 1 skipped (6.6s)
`

func TestWriteTextExplainsFailuresBelowTheTable(t *testing.T) {
	var got strings.Builder
	if err := sample().WriteText(&got, false); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sampleText, got.String()); diff != "" {
		t.Errorf("text differs (-want +got):\n%s", diff)
	}
}

func TestColorAddsOnlyEscapeSequences(t *testing.T) {
	var got strings.Builder
	if err := sample().WriteText(&got, true); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got.String(), "\x1b[31mfail \x1b[0m") {
		t.Errorf("a failure is not red:\n%q", got.String())
	}
	plain := strings.NewReplacer("\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "", "\x1b[35m", "", "\x1b[0m", "").Replace(got.String())
	if diff := cmp.Diff(sampleText, plain); diff != "" {
		t.Errorf("text differs (-want +got):\n%s", diff)
	}
}

func TestSummaryCountsRulesWithoutAPass(t *testing.T) {
	tests := []struct {
		results []check.Verdict
		want    string
	}{
		{[]check.Verdict{check.Pass}, "honest: 1 rule passed (0s)"},
		{[]check.Verdict{check.Pass, check.Skip}, "honest: 1 rule passed, 1 skipped (0s)"},
		{[]check.Verdict{check.Pass, check.Fail, check.Error}, "not honest: 1 of 3 rules failed, 1 inconclusive (0s)"},
		{[]check.Verdict{check.Pass, check.Error, check.Skip}, "inconclusive: 1 of 3 rules, 1 skipped (0s)"},
		{[]check.Verdict{check.Skip}, "inconclusive, 1 skipped (0s)"},
	}
	for _, tt := range tests {
		report := new(check.Report)
		for _, v := range tt.results {
			report.Results = append(report.Results, check.Result{Verdict: v})
		}
		if got := report.Summary(); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.results, got, tt.want)
		}
	}
}

func TestSummaryNamesRulesThatDidNotFitIntoTheBudget(t *testing.T) {
	report := &check.Report{Options: check.Options{Budget: time.Minute}, Path: check.Path{Rate: 1 << 20}, Results: []check.Result{
		{Rule: "stream/first-byte", Verdict: check.Pass},
		{Rule: "stream/idle", Verdict: check.Skip, Detail: "needs --long"},
		{Rule: "stream/bulk", Verdict: check.Skip, Detail: "did not fit into the budget of 1m (--budget)"},
		{Rule: "stream/aborts", Verdict: check.Skip, Detail: "did not fit into the budget of 1m (--budget)"},
	}}
	const not = "; 2 did not fit into the budget of 1m: stream/bulk, stream/aborts (0s)"
	if got, want := report.Summary(), "honest: 1 rule passed, 1 skipped"+not; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := check.Compare(report, report).Summary(), "honest, directly and through the path: 1 rule passed"+not; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	report.Path.Rate = 0
	if got, want := report.Summary(), "inconclusive: the rate of the path could not be measured, 1 rule passed, 1 skipped"+not; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReportVerdict(t *testing.T) {
	tests := []struct {
		name    string
		results []check.Verdict
		want    check.Verdict
	}{
		{"all pass", []check.Verdict{check.Pass, check.Pass}, check.Pass},
		{"skips do not matter", []check.Verdict{check.Skip, check.Pass}, check.Pass},
		{"one failure", []check.Verdict{check.Pass, check.Error, check.Fail}, check.Fail},
		{"one is inconclusive", []check.Verdict{check.Pass, check.Error}, check.Error},
		{"only skips", []check.Verdict{check.Skip}, check.Error},
		{"nothing", nil, check.Error},
	}
	for _, tt := range tests {
		report := new(check.Report)
		for _, v := range tt.results {
			report.Results = append(report.Results, check.Result{Verdict: v})
		}
		if got := report.Verdict(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestCommandRepeatsWithTheSameOptions(t *testing.T) {
	report := sample()
	report.Options.Timeout = 2 * time.Second
	report.Options.Conns = 1000
	want := "echod check --rule stream/concurrency --seed 42 --timeout 2s --conns 1000 tcp://192.0.2.1:7"
	if got := report.Command("stream/concurrency"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCommandRepeatsBulkWithOneFlag(t *testing.T) {
	for _, tt := range []struct {
		bytes int64
		time  time.Duration
		want  string
	}{
		{check.DefaultBulk, check.DefaultBulkTime, ""},
		{16 << 20, check.DefaultBulkTime, "--bulk 16777216 "},
		{check.MaxBulk, 3 * time.Second, "--bulk 3s "},
		{check.MaxBulk, check.DefaultBulkTime, "--bulk 15s "},
		{check.DefaultBulk, 3 * time.Second, "--bulk 3s "},
		{16 << 20, 5 * time.Minute, "--bulk 16777216 "},
	} {
		report := sample()
		report.Options.Bulk, report.Options.BulkTime = tt.bytes, tt.time
		want := "echod check --rule stream/bulk --seed 42 " + tt.want + "tcp://192.0.2.1:7"
		if got := report.Command("stream/bulk"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestCommandIsQuotedForAShell(t *testing.T) {
	report := sample()
	report.Target = check.Target{Network: "unix", Address: "/tmp/it's $HOME"}
	report.Options.Long, report.Options.Stall = true, check.LongStall
	report.Options.Agent, report.Options.Token = "tcp://h:7008", "swordfish"
	want := `echod check --rule stream/idle --seed 42 --long --agent tcp://h:7008 --token TOKEN 'unix:///tmp/it%27s%20$HOME'`
	if got := report.Command("stream/idle"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCommandHasTheTLSFlags(t *testing.T) {
	report := sample()
	report.Target = check.Target{Network: "tls", Address: "h:8443",
		TLS: &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "echo.example", Certificates: make([]tls.Certificate, 1)}}
	want := "echod check --rule tls/half-close --seed 42 --tls-ca FILE --tls-server-name echo.example --tls-cert FILE --tls-key FILE tls://h:8443"
	if got := report.Command("tls/half-close"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSummaryCountsWhatFailedAtFirst(t *testing.T) {
	passed := []check.Result{{Rule: "x", Verdict: check.Pass, Offset: -1}}
	for _, tt := range []struct {
		report check.Report
		want   string
	}{
		{check.Report{Target: check.Target{Network: "tcp"}, Results: passed, Retried: 1, Connections: 41}, "1 of 41 connections failed at first"},
		{check.Report{Target: check.Target{Network: "udp"}, Results: passed, Retried: 2}, "2 rules failed at first"},
	} {
		if got := tt.report.Summary(); !strings.Contains(got, tt.want) {
			t.Errorf("got %q, want %q in it", got, tt.want)
		}
	}
}
