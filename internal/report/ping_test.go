package report_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/dial"
	"echod/internal/hist"
	"echod/internal/ping"
	"echod/internal/report"
)

// pinged are events of a ping and their lines of text.
var pinged = []struct {
	probe ping.Probe
	conn  ping.ConnEvent
	text  string
}{
	{conn: ping.ConnEvent{Up: true, Addr: "127.0.0.1:7", Phases: ping.Phases{DNS: 1500, Connect: 2e6, TLS: 3e6}},
		text: "connected to 127.0.0.1:7: dns 1.50 µs, connect 2.00 ms, tls 3.00 ms"},
	{probe: ping.Probe{Fate: ping.Answered, Seq: 3, RTT: 84100}, text: "64 bytes from tcp://far:7: seq=3 time=84.1 µs"},
	{probe: ping.Probe{Fate: ping.Answered, Seq: 4, RTT: 3e6, Reordered: true},
		text: "64 bytes from tcp://far:7: seq=4 time=3.00 ms (reordered)"},
	{probe: ping.Probe{Fate: ping.Answered, Seq: 5, RTT: 3e6, Phases: ping.Phases{Connect: 1e6, FirstByte: 2e6}},
		text: "64 bytes from tcp://far:7: seq=5 connect=1.00 ms first-byte=2.00 ms time=3.00 ms"},
	{probe: ping.Probe{Fate: ping.Duplicated, Seq: 5, RTT: 4e6}, text: "64 bytes from tcp://far:7: seq=5 time=4.00 ms (duplicated)"},
	{probe: ping.Probe{Fate: ping.Lost, Seq: 6, Class: dial.Timeout, Err: errors.New("no answer within 2s")},
		text: "seq=6 lost: timeout: no answer within 2s"},
	{probe: ping.Probe{Fate: ping.Late, Seq: 6, RTT: 3e9}, text: "64 bytes from tcp://far:7: seq=6 time=3.00 s (late)"},
	{probe: ping.Probe{Fate: ping.Lost, Seq: 7, Class: dial.Corrupt, Err: &ping.WrongError{Offset: 40, Got: "00", Want: "01"}},
		text: "seq=7 lost: corrupt: wrong byte at 40: got 00, want 01"},
	{probe: ping.Probe{Fate: ping.Foreign}, text: "foreign datagram: not an answer to a probe of this ping"},
	{probe: ping.Probe{Fate: ping.Foreign, Class: dial.Corrupt, Err: &ping.WrongError{Got: "00", Want: "nothing"}},
		text: "foreign bytes: wrong byte at 0: got 00, want nothing"},
	{conn: ping.ConnEvent{Addr: "127.0.0.1:7", Class: dial.Reset, Err: errors.New("read: connection reset by peer")},
		text: "no connection: reset: read: connection reset by peer"},
	{conn: ping.ConnEvent{Up: true, Addr: "127.0.0.1:7", Down: 3e9, Phases: ping.Phases{Connect: 2e6}},
		text: "connected to 127.0.0.1:7: connect 2.00 ms, after 3.00 s without a connection"},
	{conn: ping.ConnEvent{Up: true, Addr: "127.0.0.2:7", From: "127.0.0.1:7", Phases: ping.Phases{Connect: 1e9, Retransmits: 1}},
		text: "connected to 127.0.0.2:7: connect 1.00 s, 1 SYN sent again, the name had 127.0.0.1:7 before"},
	{probe: ping.Probe{Fate: ping.Answered, Seq: 5, RTT: 3e6, Phases: ping.Phases{Connect: 1e9, Retransmits: 1, FirstByte: 2e6}},
		text: "64 bytes from tcp://far:7: seq=5 connect=1.00 s first-byte=2.00 ms syn-retransmits=1 time=3.00 ms"},
}

// pingTargets are targets with these addresses.
func pingTargets(addresses ...string) []report.PingTarget {
	var configs []ping.Config
	for _, address := range addresses {
		configs = append(configs, ping.Config{Target: ping.Target{Network: "tcp", Address: address}, Size: 64, Interval: time.Second, Timeout: 2 * time.Second})
	}
	return report.PingTargets(configs)
}

func TestPingTextHasALineForEachEvent(t *testing.T) {
	for _, tt := range pinged {
		var b strings.Builder
		out := report.PingText(&b, pingTargets("far:7"), false, false)
		if tt.probe.Fate != "" {
			out.Probe(0, tt.probe)
		} else {
			out.Conn(0, tt.conn)
		}
		if got := b.String(); got != tt.text+"\n" {
			t.Errorf("got  %swant %s", got, tt.text)
		}
	}
}

func TestPingTextOfSeveralTargetsHasAColumnOfNames(t *testing.T) {
	var b strings.Builder
	out := report.PingText(&b, pingTargets("a:7", "far.example:7", "a:7"), false, false)
	out.Start()
	out.Conn(0, ping.ConnEvent{Up: true, Addr: "127.0.0.1:7", Phases: ping.Phases{Connect: 2e6}})
	out.Probe(1, ping.Probe{Fate: ping.Answered, Seq: 3, RTT: 84100})
	out.Probe(2, ping.Probe{Fate: ping.Lost, Seq: 6, Class: dial.Timeout, Err: errors.New("no answer within 2s")})
	out.Pause(0, ping.Pause{For: 5e9, Probes: 52})
	const want = `ping 3 targets: 64 bytes every 1s, timeout 2s
tcp://a:7            connected to 127.0.0.1:7: connect 2.00 ms
tcp://far.example:7  seq=3 time=84.1 µs
tcp://a:7 #2         seq=6 lost: timeout: no answer within 2s
tcp://a:7            paused: this process did not run for 5.00 s; 52 probes are not counted
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestPingSummaryOfSeveralTargetsComparesThem(t *testing.T) {
	one := hist.New()
	one.Record(2 * time.Millisecond)
	var b strings.Builder
	err := report.WritePingResults(&b, []report.PingResult{
		{Name: "tcp://a:7", Summary: ping.Summary{Sent: 1, Received: 1, RTT: one.Summary()}, Verdicts: []report.Verdict{{Threshold: "loss<1%", Met: true, Value: "0 %"}}},
		{Name: "tcp://a:7 #2", Summary: ping.Summary{Sent: 1200, Lost: 1200, Corrupt: 3, LostBy: map[dial.Class]int64{dial.Timeout: 1199, dial.Corrupt: 1}},
			Verdicts: []report.Verdict{{Threshold: "p99<1ms", Value: report.NotMeasured}}},
	}, false)
	const want = `tcp://a:7
1 sent, 1 received, 0 lost (0 %), 0 duplicated, 0 reordered
                min      avg      p50      p99    p99.9      max   jitter
round trip  2.00 ms  2.00 ms  2.00 ms        -        -  2.00 ms        -
too few replies for p99, which needs 100, and p99.9, which needs 1,000
threshold  loss<1%  met     0 %

tcp://a:7 #2
1200 sent, 0 received, 1200 lost (100 %), 0 duplicated, 0 reordered
lost        1199 timeout, 1 corrupt
also        2 corrupt
threshold  p99<1ms  not measured

target         sent  received   loss      min      p50  p99      max
tcp://a:7         1         1    0 %  2.00 ms  2.00 ms    -  2.00 ms
tcp://a:7 #2  1,200         0  100 %        -        -    -        -
`
	if diff := cmp.Diff(want, b.String()); diff != "" || err != nil {
		t.Errorf("%v: -want +got\n%s", err, diff)
	}
}

func TestPercentileIsKnownIfAReplyIsAboveIt(t *testing.T) {
	for percentile, needed := range map[float64]int64{90: 10, 99: 100, 99.9: 1000} {
		if report.Known(percentile, needed-1) || !report.Known(percentile, needed) {
			t.Errorf("p%v: known of %d replies: %v, of %d: %v; want false and true", percentile,
				needed-1, report.Known(percentile, needed-1), needed, report.Known(percentile, needed))
		}
	}
}

func TestPingJSONOmitsPercentilesThatAreNotKnown(t *testing.T) {
	for replies, want := range map[int]string{
		9: "", 10: "p90_seconds", 99: "p90_seconds", 100: "p90_seconds p99_seconds", 1000: "p90_seconds p99_seconds p999_seconds",
	} {
		h := hist.New()
		for range replies {
			h.Record(time.Millisecond)
		}
		var b strings.Builder
		report.PingJSON(&b, pingTargets("a:7"), "").End([]report.PingResult{{Summary: ping.Summary{Received: int64(replies), RTT: h.Summary()}}})
		got := strings.Join(regexp.MustCompile(`p9\d+_seconds`).FindAllString(b.String(), -1), " ")
		if got != want {
			t.Errorf("%d replies: got %q, want %q", replies, got, want)
		}
	}
}

func TestPingInterimHasAFateForEachProbe(t *testing.T) {
	one := hist.New()
	one.Record(2 * time.Millisecond)
	var b strings.Builder
	report.WritePingInterim(&b, []report.PingResult{
		{Name: "tcp://a:7", Summary: ping.Summary{Sent: 4, Received: 3, Lost: 1, Paused: 5, RTT: one.Summary()}, InFlight: 2},
		{Name: "tcp://a:7 #2", InFlight: 7},
	})
	const want = `tcp://a:7     4 sent, 3 received, 1 lost (25.0 %), 2 in flight, 5 paused; min 2.00 ms, avg 2.00 ms, p50 2.00 ms, max 2.00 ms
tcp://a:7 #2  0 sent, 0 received, 0 lost (0 %), 7 in flight
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestPingTextSaysWhatItsProcessDid(t *testing.T) {
	var b strings.Builder
	out := report.PingText(&b, pingTargets("far:7"), false, false)
	out.Pause(0, ping.Pause{For: 5e9, Probes: 52})
	out.Conn(0, ping.ConnEvent{Up: true, Stale: true, Addr: "127.0.0.1:7"})
	const want = "paused: this process did not run for 5.00 s; 52 probes are not counted\n" +
		"a new flow to 127.0.0.1:7 is answered: the old one's mapping was stale\n"
	if got := b.String(); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

func TestPingTextColoursOnlyWhatIsBad(t *testing.T) {
	for _, tt := range pinged {
		var b strings.Builder
		out := report.PingText(&b, pingTargets("far:7"), true, false)
		good := tt.conn.Up
		if tt.probe.Fate != "" {
			good = tt.probe.Fate == ping.Answered && !tt.probe.Reordered
			out.Probe(0, tt.probe)
		} else {
			out.Conn(0, tt.conn)
		}
		if got := !strings.Contains(b.String(), "\x1b["); got != good {
			t.Errorf("%q: without a colour %t, want %t", b.String(), got, good)
		}
	}
}

func TestPingSummaryOmitsWhatDidNotHappen(t *testing.T) {
	one := hist.New()
	one.Record(2 * time.Millisecond)
	tests := []struct {
		name string
		of   ping.Summary
		want string
	}{
		{"nothing", ping.Summary{}, "0 sent, 0 received, 0 lost (0 %), 0 duplicated, 0 reordered\n"},
		{"much", ping.Summary{
			Sent: 8, Received: 5, Lost: 3, Late: 1, Duplicated: 2, Reordered: 1, Corrupt: 1, Foreign: 4,
			LostBy: map[dial.Class]int64{dial.Refused: 1, dial.Timeout: 2}, Reconnects: 1, Down: 1600 * time.Millisecond,
			Retransmits: 3, Moved: 5, Stale: 6, Paused: 7, PausedFor: 2 * time.Second,
			Connect: one.Summary(), RTT: one.Summary(), Jitter: 500 * time.Microsecond,
		}, `8 sent, 5 received, 3 lost (37.5 %), 2 duplicated, 1 reordered
lost        2 timeout, 1 refused
also        1 late, 1 corrupt, 4 foreign, 3 SYN sent again, 5 moved, 6 stale
paused      7 probes are not counted: this process did not run for 2.00 s
reconnects  1, and 1.60 s without a connection
                min      avg      p50      p99    p99.9      max   jitter
connect     2.00 ms  2.00 ms  2.00 ms        -        -  2.00 ms
round trip  2.00 ms  2.00 ms  2.00 ms        -        -  2.00 ms   500 µs
too few replies for p99, which needs 100, and p99.9, which needs 1,000
`},
	}
	for ttls, want := range map[[2]int]string{
		{64, 64}:   "ttl 64, about 0 hops",
		{127, 127}: "ttl 127, about 1 hop",
		{55, 57}:   "ttl 55 to 57, about 7 to 9 hops: the path changes",
	} {
		var b strings.Builder
		report.WritePingResults(&b, []report.PingResult{{Summary: ping.Summary{LowestTTL: ttls[0], HighestTTL: ttls[1]}}}, false)
		if !strings.Contains(b.String(), "\ndistance    "+want+"\n") {
			t.Errorf("got %s, want a line with %q", b.String(), want)
		}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			if err := report.WritePingResults(&b, []report.PingResult{{Summary: tt.of}}, false); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, b.String()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
