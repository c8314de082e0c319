package report_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/ping"
	"echod/internal/report"
)

// stripOf returns a strip of two targets. The probes of the first one are answered faster. Its
// second is lost, and its sixth has no fate yet. The second target was paused.
func stripOf(color bool) *report.PingStrip {
	s := report.NewPingStrip(pingTargets("192.0.2.1:7", "a-long-name.echo.example:7"), color)
	for seq := uint64(1); seq <= 40; seq++ {
		near := ping.Probe{Fate: ping.Answered, Seq: seq, RTT: time.Duration(seq) * 100 * time.Microsecond}
		switch seq {
		case 2, 38:
			near.Fate, near.Err = ping.Lost, errors.New("no answer")
		case 36:
			continue
		}
		s.Probe(0, near)
		if seq < 30 {
			s.Probe(1, ping.Probe{Fate: ping.Answered, Seq: seq, RTT: 3 * time.Millisecond})
		}
	}
	s.Pause(1, ping.Pause{For: time.Second, Probes: 5, InFlight: 2})
	s.Probe(1, ping.Probe{Fate: ping.Answered, Seq: 32, RTT: 20 * time.Millisecond})
	return s
}

func TestPingStripFitsTheTerminal(t *testing.T) {
	tests := []struct {
		columns, rows int
		want          string
	}{
		{79, 23, `
last probes: ▁ up to 1 ms, ▂ up to 2 ms, ▃ up to 5 ms, ▅ up to 20 ms, X lost,
  . no reply yet, | this process was paused
tcp://192.0.2.1:7            4.00 ms   5.13 %  ▁▁▂▂▂▂▂▂▂▂▂▂▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃.▃X▃▃
tcp://a-…me.echo.example:7   20.0 ms      0 %  ▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃▃|||||▅
`},
		{39, 23, `
last probes: ▁ up to 5 ms,
  ▃ up to 20 ms, X lost,
  . no reply yet,
  | this process was paused
…/192.0.2.1:7   5.13 %  ▁▁▁▁▁▁▁▁▁▁.▁X▁▁
…ho.example:7      0 %  ▁▁▁▁▁▁▁▁▁|||||▃
`},
	}
	for _, tt := range tests {
		got := "\n" + strings.Join(stripOf(false).Lines(tt.columns, tt.rows), "\n") + "\n"
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%d columns (-want +got):\n%s\n%s", tt.columns, diff, got)
		}
	}
}

func TestPingStripSaysHowManyTargetsHaveNoLine(t *testing.T) {
	s := report.NewPingStrip(pingTargets("a:7", "b:7", "c:7", "d:7"), false)
	for target := range 4 {
		s.Probe(target, ping.Probe{Fate: ping.Answered, Seq: 1, RTT: time.Millisecond})
	}
	want := []string{
		"last probes: ▁ up to 1 ms",
		"tcp://a:7   1.00 ms      0 %  ▁",
		"tcp://b:7   1.00 ms      0 %  ▁",
		"and 2 more targets: the window has too few lines",
	}
	if diff := cmp.Diff(want, s.Lines(79, 4)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := s.Lines(79, 5); len(got) != 5 || !strings.HasPrefix(got[4], "tcp://d:7 ") {
		t.Errorf("got %q, want a line for each target", got)
	}
}

func TestPingStripColoursMarkWhatIsNoAnswer(t *testing.T) {
	text := strings.Join(stripOf(true).Lines(79, 23), "\n")
	if !strings.Contains(text, "▃\x1b[31mX\x1b[0m▃") || strings.Count(text, "\x1b[33m|\x1b[0m") != 5 {
		t.Errorf("got %q, want X in red, and | in yellow", text)
	}
	if plain := strings.Join(stripOf(false).Lines(79, 23), "\n"); strings.Contains(plain, "\x1b") {
		t.Errorf("got %q, want no colours", plain)
	}
}

// TestPingStripHasACellForEachProbeThatWasDue: a probe of which nothing is known yet gets its
// cell when a later one has a fate, and keeps its place.
func TestPingStripHasACellForEachProbeThatWasDue(t *testing.T) {
	s := report.NewPingStrip(pingTargets("a:7"), false)
	cells := func() string {
		_, cells, _ := strings.Cut(s.Lines(200, 23)[1], " %  ")
		return cells
	}
	answer := func(seq uint64) { s.Probe(0, ping.Probe{Fate: ping.Answered, Seq: seq, RTT: time.Millisecond}) }
	steps := []struct {
		do   func()
		want string
	}{
		{func() { answer(1) }, "▁"},
		{func() { answer(4) }, "▁..▁"},
		{func() { s.Probe(0, ping.Probe{Fate: ping.Lost, Seq: 2}) }, "▁X.▁"},
		{func() { s.Probe(0, ping.Probe{Fate: ping.Late, Seq: 2, RTT: time.Second}) }, "▁X.▁"},
		{func() { s.Probe(0, ping.Probe{Fate: ping.Foreign}) }, "▁X.▁"},
		{func() { s.Pause(0, ping.Pause{Probes: 4, InFlight: 2}) }, "▁X|▁|||"},
		{func() { answer(6) }, "▁X|▁|||▁"},
	}
	for i, step := range steps {
		if step.do(); cells() != step.want {
			t.Errorf("step %d: got %s, want %s", i, cells(), step.want)
		}
	}
	for seq := range uint64(5000) {
		answer(seq + 7)
	}
	if got := cells(); strings.Count(got, "▁") != 200-len("tcp://a:7")-21 {
		t.Errorf("got %d cells, want as many as there are columns", strings.Count(got, "▁"))
	}
}
