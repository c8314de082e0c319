package cli

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"echod/internal/dial"
	"echod/internal/ping"
	"echod/internal/report"
)

func TestExitCodeOfPingFollowsFromItsSummary(t *testing.T) {
	met, broken := report.Verdict{Met: true}, report.Verdict{}
	unknown := report.Verdict{Value: report.NotMeasured}
	some, none := ping.Summary{Sent: 2, Received: 1, Lost: 1}, ping.Summary{Sent: 2, Lost: 2}
	tests := []struct {
		name     string
		of       ping.Summary
		verdicts []report.Verdict
		want     Code
	}{
		{"something was answered", some, nil, OK},
		{"and a threshold is met", some, []report.Verdict{met}, OK},
		{"and a threshold is broken", some, []report.Verdict{met, broken}, Failed},
		{"and a threshold was not measured", some, []report.Verdict{unknown}, Failed},
		{"and a byte is wrong", ping.Summary{Received: 1, Corrupt: 1}, nil, Failed},
		{"nothing was answered", none, nil, Unknown},
		{"and a threshold was not measured for it", none, []report.Verdict{unknown}, Unknown},
		{"and that breaks a threshold", none, []report.Verdict{unknown, broken}, Failed},
		{"but with a wrong byte", ping.Summary{Sent: 1, Lost: 1, Corrupt: 1}, nil, Failed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := codeOf(pingError([]report.PingResult{{Summary: tt.of, Verdicts: tt.verdicts}})); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestExitCodeOfPingIsThatOfItsWorstTarget(t *testing.T) {
	ok, none := report.PingResult{Summary: ping.Summary{Sent: 1, Received: 1}}, report.PingResult{Summary: ping.Summary{Sent: 1, Lost: 1}}
	broken := report.PingResult{Summary: ok.Summary, Verdicts: []report.Verdict{{}}}
	tests := []struct {
		of   []report.PingResult
		want Code
	}{
		{[]report.PingResult{ok, ok}, OK},
		{[]report.PingResult{ok, none, ok}, Unknown},
		{[]report.PingResult{broken, none}, Failed},
		{[]report.PingResult{none, broken, ok}, Failed},
	}
	for i, tt := range tests {
		if got := codeOf(pingError(tt.of)); got != tt.want {
			t.Errorf("%d: got %d, want %d", i, got, tt.want)
		}
	}
}

func TestThresholdOfAPercentileIsForTheMaximumOfFewReplies(t *testing.T) {
	limit, err := parseThreshold("p99<2ms", pingMeasures)
	if err != nil {
		t.Fatal(err)
	}
	for replies, want := range map[int64]string{99: "3.00 ms", 100: "1.00 ms"} {
		s := ping.Summary{Received: replies}
		s.RTT.P99, s.RTT.Max = time.Millisecond, 3*time.Millisecond
		if got := limit.verdict(s); got.Value != want || got.Met != (replies == 100) {
			t.Errorf("%d replies: got %+v, want %s", replies, got, want)
		}
	}
}

func TestPingHasALimitOfTargetsAndConnections(t *testing.T) {
	if got := (ping.Config{Interval: time.Second, Timeout: 2 * time.Second}).MaxConns(); got != 5 {
		t.Errorf("got %d connections in two timeouts of two intervals, want 5", got)
	}
	many := slices.Repeat([]string{"tcp://127.0.0.1:1"}, maxPingTargets+1)
	const want = "echod: 65 targets: want at most 64; echod watch monitors more\n"
	if code, _, complaint := runEchod(t, append([]string{"ping"}, many...)...); code != Usage || complaint != want {
		t.Errorf("got %d, %q; want %d, %q", code, complaint, Usage, want)
	}
}

func TestExitCodeOfMTUFollowsFromItsLimit(t *testing.T) {
	found := func(limit ping.SizeFate) ping.MTU { return ping.MTU{Payload: 1372, Limit: limit} }
	tests := []struct {
		of   ping.MTU
		err  error
		want Code
	}{
		{found(ping.SizeLocal), nil, OK},
		{found(ping.SizeICMP), nil, OK},
		{found(ping.SizeMaximum), nil, OK},
		{found(ping.SizeSilent), nil, Failed},
		{found(""), &ping.WrongError{}, Failed},
		{found(""), context.DeadlineExceeded, Unknown},
		{ping.MTU{}, &dial.UnreachableError{Err: context.DeadlineExceeded}, Unknown},
	}
	for _, tt := range tests {
		if got := codeOf(mtuError(tt.of, tt.err)); got != tt.want {
			t.Errorf("limit %q, %v: got %d, want %d", tt.of.Limit, tt.err, got, tt.want)
		}
	}
}

func TestPingEndsWhenItsOutputCannotBeWritten(t *testing.T) {
	full := errors.New("no space left on device")
	for _, format := range pingFormats {
		t.Run(format, func(t *testing.T) {
			f := newPingFlags()
			f.format = format
			p := &Process{Stdout: failing{full}, Stderr: io.Discard, Getenv: func(string) string { return "" }}
			// Without a count, ping does not end by itself.
			configs, err := f.configsFor([]string{"udp://127.0.0.1:7"})
			if err != nil {
				t.Fatal(err)
			}
			if err := f.run(t.Context(), p, configs); !errors.Is(err, full) || codeOf(err) != Unknown {
				t.Errorf("got %v, exit code %d; want %v, %d", err, codeOf(err), full, Unknown)
			}
		})
	}
}

// failing is a file on a disk that is full.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestHintIsThatOfARefusalIfThereIsOne(t *testing.T) {
	var target pinged
	for _, class := range []dial.Class{dial.Timeout, dial.Refused, dial.Timeout} {
		target.rememberLoss(ping.Probe{Fate: ping.Lost, Class: class})
	}
	target.rememberLoss(ping.Probe{Fate: ping.Answered})
	if target.lost.Class != dial.Refused {
		t.Errorf("got %s, want %s", target.lost.Class, dial.Refused)
	}
}
