package watch

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/dial"
	"echod/internal/ping"
)

// TestOutageReportsWhatIsWorthALogLine has one probe per second: a dot is an answer, an x
// a loss.
func TestOutageReportsWhatIsWorthALogLine(t *testing.T) {
	outage := "xxxxx....."
	tests := []struct {
		name   string
		probes string
		want   []string
	}{
		{"answered", "....", []string{"0s up"}},
		{"lost from the beginning", "xxxxxx", []string{"2s down"}},
		{"not known at first", "xx..", []string{"2s up"}},
		{"some are lost", "..x..xx.x.xx..", []string{"0s up"}},
		{"down", "..xxxxx", []string{"0s up", "4s down"}},
		{"down, and up after 5 s", "..xxxxx..", []string{"0s up", "4s down", "7s up after 5s"}},
		{"down from the beginning, and up after 4 s", "xxxx.", []string{"2s down", "4s up after 4s"}},
		{"one answer ends it", "..xxx.xxx", []string{"0s up", "4s down", "5s up after 3s", "8s down"}},
		{"down and up three times", "." + strings.Repeat(outage, 3), []string{"0s up",
			"3s down", "6s up after 5s", "13s down", "16s up after 5s", "23s down", "26s flapping"}},
		{"flaps, and nothing more is logged", "." + strings.Repeat(outage, 9), []string{"0s up",
			"3s down", "6s up after 5s", "13s down", "16s up after 5s", "23s down", "26s flapping"}},
		{"flaps, and is stable up", "." + strings.Repeat(outage, 5) + strings.Repeat(".", 300), []string{"0s up",
			"3s down", "6s up after 5s", "13s down", "16s up after 5s", "23s down", "26s flapping", "346s stable up, 4 changes"}},
		{"flaps, and is stable down", "." + strings.Repeat(outage, 3) + strings.Repeat("x", 400), []string{"0s up",
			"3s down", "6s up after 5s", "13s down", "16s up after 5s", "23s down", "26s flapping", "333s stable down, 1 changes"}},
		{"is stable, and goes down again", "." + strings.Repeat(outage, 3) + strings.Repeat(".", 400) + "xxx", []string{"0s up",
			"3s down", "6s up after 5s", "13s down", "16s up after 5s", "23s down", "26s flapping", "326s stable up, 0 changes", "433s down"}},
		{"three outages in an hour", "." + strings.Repeat(outage+strings.Repeat(".", 1190), 3), []string{"0s up",
			"3s down", "6s up after 5s", "1203s down", "1206s up after 5s", "2403s down", "2406s up after 5s"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var o outageOf
			o.after = DefaultDownAfter
			if diff := cmp.Diff(tt.want, o.probes(tt.probes)); diff != "" {
				t.Errorf("log lines (-want +got)\n%s", diff)
			}
		})
	}
}

// outageOf is an outage whose input is a string of probes.
type outageOf struct{ outage }

func (o *outageOf) probes(all string) (log []string) {
	start := time.Unix(1e9, 0)
	for i, probe := range all {
		at := start.Add(time.Duration(i) * time.Second)
		change := o.probe(probe == '.', at)
		words := fmt.Sprintf("%ds %s", i, change)
		switch {
		case change == noChange:
			continue
		case change == up && o.length > 0:
			words += fmt.Sprintf(" after %v", o.length)
		case change == stable:
			words += fmt.Sprintf(" %s, %d changes", map[bool]string{true: "up", false: "down"}[o.up], o.unlogged)
		}
		log = append(log, words)
	}
	return log
}

// TestAddressCountsWhatIsNoAnswerInTime: each event has a figure of its own, and none of
// them changes whether the address is up.
func TestAddressCountsWhatIsNoAnswerInTime(t *testing.T) {
	a := newAddress("a:7", time.Unix(1e9, 0), 1, slog.New(slog.DiscardHandler))
	at := time.Unix(1e9+1, 0)
	connected := ping.Phases{DNS: time.Millisecond, Connect: 2 * time.Second, Retransmits: 1}
	a.probe(ping.Probe{Fate: ping.Answered, Sent: at, At: at, RTT: 1, Reordered: true, Phases: connected})
	a.probe(ping.Probe{Fate: ping.Late, Sent: at, At: at, Reordered: true})
	for range 3 {
		a.probe(ping.Probe{Fate: ping.Duplicated, Sent: at, At: at})
	}
	for range 4 {
		a.probe(ping.Probe{Fate: ping.Foreign, At: at})
	}
	a.pause(ping.Pause{At: at, For: time.Second, Probes: 5})
	a.conn(ping.ConnEvent{Up: true, From: "b:7", Phases: ping.Phases{Retransmits: 6}})
	a.conn(ping.ConnEvent{Up: true, Stale: true})
	a.probe(ping.Probe{Fate: ping.Lost, At: at, Class: ping.NotSent, Err: errors.New("too many")})
	got := a.snapshot()
	want := "1 late, 3 duplicated, 2 reordered, 4 foreign, 5 paused, 1 moved, 1 stale, 7 SYN sent again"
	if words := got.Besides(); words != want || got.Sent != 2 || got.Received != 1 || !got.Up {
		t.Errorf("%d sent, %d received, up %v, %s; want 2, 1, true, %s", got.Sent, got.Received, got.Up, words, want)
	}
	var phases []string
	for _, p := range got.Connecting.Phases() {
		phases = append(phases, fmt.Sprint(p.Name, " ", p.Times.Sum))
	}
	if diff := cmp.Diff([]string{"dns 1ms", "connect 2s"}, phases); diff != "" {
		t.Errorf("phases (-want +got)\n%s", diff)
	}
}

// TestOneFailureIsOneLoss for --down-after: a stream breaks with many probes in flight, and
// two attempts to connect fail.
func TestOneFailureIsOneLoss(t *testing.T) {
	a := newAddress("a:7", time.Unix(1e9, 0), 3, slog.New(slog.DiscardHandler))
	at := time.Unix(1e9+1, 0)
	a.probe(ping.Probe{Fate: ping.Answered, Sent: at, At: at, RTT: 1})
	for failure := range 3 {
		if got := a.snapshot(); !got.Up {
			t.Errorf("down after %d failures, want after 3", failure)
		}
		for i := range 5 {
			a.probe(ping.Probe{Fate: ping.Lost, At: at, Class: dial.Reset, Err: syscall.ECONNRESET, SameFailure: i > 0})
		}
	}
	if got := a.snapshot(); got.Up || got.LostTotal() != 15 {
		t.Errorf("after 3 failures: up %v, %d lost; want down, 15", got.Up, got.LostTotal())
	}
}

// TestPauseIsLoggedOnceForAllAddresses: each address sees the same pause.
func TestPauseIsLoggedOnceForAllAddresses(t *testing.T) {
	f := newNetwork()
	w := &Watcher{config: f.config(t)}
	at := time.Unix(1e9, 0)
	for range 3 {
		w.logPause(ping.Pause{At: at, For: 5 * time.Second})
		at = at.Add(time.Millisecond)
	}
	w.logPause(ping.Pause{At: at.Add(time.Minute), For: time.Millisecond})
	w.logPause(ping.Pause{At: at.Add(time.Hour), For: 2 * time.Second})
	want := []string{"this process did not run, probes are not counted for=5s", "this process did not run, probes are not counted for=2s"}
	if diff := cmp.Diff(want, f.taken()); diff != "" {
		t.Errorf("log (-want +got)\n%s", diff)
	}
}
