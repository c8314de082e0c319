package ping_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/dial"
	"echod/internal/hist"
	"echod/internal/ping"
)

func TestTallyCountsEvents(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	tally := ping.NewTally()
	tally.Conn(ping.ConnEvent{At: at(0), Class: dial.Refused})
	tally.Probe(ping.Probe{Fate: ping.Lost, At: at(0), Class: dial.Refused})
	tally.Conn(ping.ConnEvent{At: at(1000), Up: true, Down: ms(1000)})
	for _, rtt := range []int{10, 14, 11} {
		tally.Probe(ping.Probe{Fate: ping.Answered, At: at(2000), RTT: ms(rtt)})
	}
	tally.Probe(ping.Probe{Fate: ping.Answered, At: at(2000), RTT: ms(11), Reordered: true})
	tally.Probe(ping.Probe{Fate: ping.Duplicated, RTT: ms(500), At: at(2000)})
	tally.Probe(ping.Probe{Fate: ping.Late, RTT: ms(5000), Reordered: true, At: at(2000)})
	tally.Probe(ping.Probe{Fate: ping.Foreign, At: at(2000)})
	tally.Conn(ping.ConnEvent{At: at(3000), Class: dial.Corrupt})
	tally.Probe(ping.Probe{Fate: ping.Lost, At: at(3000), Class: dial.Corrupt})
	tally.Conn(ping.ConnEvent{At: at(3500), Up: true, Down: ms(500)})
	tally.Conn(ping.ConnEvent{At: at(4000), Class: dial.Reset})
	tally.Probe(ping.Probe{Fate: ping.Lost, At: at(4250), Class: dial.Refused})
	got := tally.Summary()
	rtt := hist.New()
	for _, n := range []int{10, 14, 11, 11} {
		rtt.Record(ms(n))
	}
	want := ping.Summary{
		Sent: 7, Received: 4, Lost: 3, Late: 1, Duplicated: 1, Reordered: 2, Foreign: 1, Corrupt: 1,
		LostBy:     map[dial.Class]int64{dial.Refused: 2, dial.Corrupt: 1},
		Reconnects: 1, Down: ms(1750),
		RTT: rtt.Summary(), Jitter: ms(7) / 3, // |14-10|, |11-14|, |11-11|
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if loss := got.Loss(); loss != 3.0/7 {
		t.Errorf("a loss of %v, want three of seven", loss)
	}
}

func TestTallyOfNothingIsZero(t *testing.T) {
	got := ping.NewTally().Summary()
	if diff := cmp.Diff(ping.Summary{LostBy: map[dial.Class]int64{}}, got); diff != "" || got.Loss() != 0 {
		t.Errorf("a loss of %v; -want +got\n%s", got.Loss(), diff)
	}
}

func TestTallySeparatesPhases(t *testing.T) {
	tally := ping.NewTally()
	tally.Probe(ping.Probe{Fate: ping.Answered, RTT: 9, Phases: ping.Phases{DNS: 1, Connect: 2, TLS: 3, FirstByte: 4}})
	s := tally.Summary()
	got := []time.Duration{s.DNS.Max, s.Connect.Max, s.TLS.Max, s.FirstByte.Max, s.RTT.Max}
	if diff := cmp.Diff([]time.Duration{1, 2, 3, 4, 9}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	// Connecting has figures also if the answer was lost, but not if there was no connection.
	lost := ping.Probe{Fate: ping.Lost, Class: dial.Timeout, Phases: ping.Phases{Connect: 2, Retransmits: 1}}
	tally.Probe(lost)
	lost.Sent = time.Unix(1, 0)
	tally.Probe(lost)
	s = tally.Summary()
	count := int64(0)
	for _, b := range s.Buckets["connect"] {
		count += b.Count
	}
	if s.Connect.Count != 2 || count != 2 || s.Retransmits != 1 || len(s.Buckets) != 4 {
		t.Errorf("got %d connects, %d in buckets of %d phases, %d SYNs sent again; want 2, 2, 4, 1", s.Connect.Count, count, len(s.Buckets), s.Retransmits)
	}
}

func TestInvalidConfigIsRefused(t *testing.T) {
	tests := []struct {
		name   string
		change func(*ping.Config)
		want   string
	}{
		{"fine", func(*ping.Config) {}, ""},
		{"count", func(c *ping.Config) { c.Count = -1 }, "count -1: want a positive number, or 0 for no limit"},
		{"interval", func(c *ping.Config) { c.Interval = 0 }, "interval 0s: want at least 1ms"},
		{"timeout", func(c *ping.Config) { c.Timeout = 0 }, "timeout 0s: want more than 0, e.g. 2s"},
		{"the smallest", func(c *ping.Config) { c.Size = 32 }, ""},
		{"the largest", func(c *ping.Config) { c.Size = 65507 }, ""},
		{"the most in flight", func(c *ping.Config) { c.Timeout = 65535 * c.Interval }, ""},
		{"the shortest timeout", func(c *ping.Config) { c.Timeout = 1 }, ""},
		{"a source", func(c *ping.Config) { c.Target.Network, c.Target.Source = "tcp", netip.MustParseAddr("127.0.0.2") }, ""},
		{"a unix socket", func(c *ping.Config) { c.Target.Network = "unix" }, ""},
		{"a source for a unix socket", func(c *ping.Config) { c.Target.Network, c.Target.Source = "unix", netip.MustParseAddr("127.0.0.2") },
			"a source address for a unix socket: omit it"},
		{"small", func(c *ping.Config) { c.Size = 31 }, "size 31: want 32 to 65507 bytes"},
		{"large", func(c *ping.Config) { c.Size = 65508 }, "size 65508: want 32 to 65507 bytes"},
		{"many", func(c *ping.Config) { c.Timeout = 65536 * c.Interval },
			"timeout 1m5.536s with interval 1ms: at most 65536 probes can be in flight: use a shorter timeout or a longer interval"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := ping.Config{Interval: time.Millisecond, Timeout: time.Second, Size: 64}
			tt.change(&c)
			got := ""
			if _, err := ping.New(c); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
