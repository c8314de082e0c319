package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"echod/internal/draw"
	"echod/internal/ping"
)

// PingStrip is what a person sees of a running ping: a line for each target with a strip of its
// last probes, one cell for each probe that was due, in the order of sending.
type PingStrip struct {
	targets []PingTarget
	strips  []strip
	color   bool
}

// NewPingStrip returns a PingStrip in which nothing has happened.
func NewPingStrip(targets []PingTarget, color bool) *PingStrip {
	return &PingStrip{targets, make([]strip, len(targets)), color}
}

// Probe adds an event of a probe.
func (s *PingStrip) Probe(target int, p ping.Probe) {
	t := &s.strips[target]
	switch p.Fate {
	case ping.Answered:
		t.received++
		t.set(p.Seq, cellOf(p.RTT))
		t.newest = draw.Duration(p.RTT)
	case ping.Lost:
		t.lost++
		t.set(p.Seq, probeLost)
		t.newest = "lost"
	}
}

// Pause adds a pause of this process.
func (s *PingStrip) Pause(target int, p ping.Pause) { s.strips[target].pause(p) }

// Lines returns the lines for this many columns: a legend, and a line for each target. If there
// are more targets than rows, the last line says how many are not shown.
func (s *PingStrip) Lines(columns, rows int) []string {
	names := min(nameColumns(s.targets), columns/3)
	lastColumns := 0
	if columns >= wideStrip {
		lastColumns = 2 + 8
	}
	cells := max(columns-names-lastColumns-2-7-2, 1)
	scale := scaleOf(s.strips, cells)
	lines := s.legend(scale, cells, columns)
	for i, t := range s.targets {
		if hidden := len(s.targets) - i; hidden > 1 && len(lines) == rows-1 {
			return append(lines, fmt.Sprintf("and %d more targets: the window has too few lines", hidden))
		}
		of := &s.strips[i]
		line := fmt.Sprintf("%-*s", names, middleCut(t.Name, names))
		if lastColumns > 0 {
			line += fmt.Sprintf("  %8s", of.newest)
		}
		lines = append(lines, line+fmt.Sprintf("  %7s  ", of.loss())+s.draw(of.visible(cells), scale))
	}
	return lines
}

// wideStrip is how many columns have room for the newest round trip.
const wideStrip = 60

// probeCell is a probe in a strip: its round trip in nanoseconds, or one of these.
type probeCell int64

const (
	probeWaits  probeCell = -1 // later probes have a fate, this one has none
	probeLost   probeCell = -2
	probePaused probeCell = -3
)

func cellOf(rtt time.Duration) probeCell { return probeCell(max(rtt, 0)) }

// strip is the last probes of a target.
type strip struct {
	cells  []probeCell
	seqs   []uint64 // of the cells; 0 for a probe that was not sent
	last   uint64   // the highest seq
	newest string   // the result of the last probe

	received, lost int64
}

// maxStrip is how many probes a strip remembers: more than a terminal has columns.
const maxStrip = 1000

func (t *strip) add(seq uint64, c probeCell) {
	t.cells, t.seqs = append(t.cells, c), append(t.seqs, seq)
	if n := len(t.cells) - maxStrip; n > 0 {
		t.cells, t.seqs = slices.Delete(t.cells, 0, n), slices.Delete(t.seqs, 0, n)
	}
}

// set sets the cell of a probe. The probes before it that have no fate wait.
func (t *strip) set(seq uint64, c probeCell) {
	if seq > t.last {
		for t.last = max(t.last, seq-min(seq, maxStrip)); t.last+1 < seq; {
			t.last++
			t.add(t.last, probeWaits)
		}
		t.last = seq
		t.add(seq, c)
		return
	}
	if i := slices.Index(t.seqs, seq); i >= 0 {
		t.cells[i] = c
	}
}

// pause sets the cells of the probes that were in flight, and adds one for each that was due.
func (t *strip) pause(p ping.Pause) {
	inFlight := p.InFlight
	for i, c := range t.cells {
		if c == probeWaits {
			t.cells[i] = probePaused
			inFlight--
		}
	}
	for range min(max(inFlight, 0), maxStrip) {
		t.last++
		t.add(t.last, probePaused)
	}
	for range min(p.Probes-p.InFlight, maxStrip) {
		t.add(0, probePaused)
	}
}

func (t *strip) visible(cells int) []probeCell { return t.cells[max(0, len(t.cells)-cells):] }

func (t *strip) loss() string {
	return draw.Percentage(float64(t.lost) / float64(max(t.received+t.lost, 1)))
}

// stripBars are the cells of answers, from short to long round trips.
var stripBars = []rune("▁▂▃▄▅▆▇█")

// stripScale is the longest round trip of each bar, except that the last one has no limit.
type stripScale [8]time.Duration

// scaleOf returns the scale for what is visible: round numbers, from the shortest round trip to
// the longest, with steps that are equal in a logarithmic scale, so that strips of near and far
// targets can be compared.
func scaleOf(strips []strip, cells int) (scale stripScale) {
	low, high := time.Duration(math.MaxInt64), time.Duration(0)
	for i := range strips {
		for _, c := range strips[i].visible(cells) {
			if c >= 0 {
				low, high = min(low, time.Duration(c)), max(high, time.Duration(c))
			}
		}
	}
	first := 0
	for first < len(roundTimes)-1 && roundTimes[first] < low {
		first++
	}
	at := func(i int) time.Duration { return roundTimes[min(i, len(roundTimes)-1)] }
	step := 1
	for step < 3 && at(first+step*(len(scale)-1)) < high {
		step++
	}
	for i := range scale {
		scale[i] = at(first + i*step)
	}
	return scale
}

// roundTimes are 1, 2 and 5 of each power of ten, from a microsecond to 50 s.
var roundTimes = func() (all []time.Duration) {
	for power := time.Microsecond; power <= 10*time.Second; power *= 10 {
		all = append(all, power, 2*power, 5*power)
	}
	return all
}()

// bar returns the index of the bar of a round trip.
func (s stripScale) bar(rtt time.Duration) int {
	for i, limit := range s[:len(s)-1] {
		if rtt <= limit {
			return i
		}
	}
	return len(s) - 1
}

// The other cells. A lost probe is not a bar, so that it is seen without colours, too.
const (
	lostCell   = "X"
	waitsCell  = "."
	pausedCell = "|"
)

// draw draws cells.
func (s *PingStrip) draw(cells []probeCell, scale stripScale) string {
	var b strings.Builder
	paint := func(c ansiColor, cell string) {
		if s.color {
			cell = c.paint(cell)
		}
		b.WriteString(cell)
	}
	for _, c := range cells {
		switch c {
		case probeLost:
			paint(red, lostCell)
		case probeWaits:
			paint(plain, waitsCell)
		case probePaused:
			paint(yellow, pausedCell)
		default:
			b.WriteRune(stripBars[scale.bar(time.Duration(c))])
		}
	}
	return b.String()
}

// legend explains the cells that are visible.
func (s *PingStrip) legend(scale stripScale, cells, columns int) []string {
	var used [8]bool
	other := map[probeCell]bool{}
	for i := range s.strips {
		for _, c := range s.strips[i].visible(cells) {
			if c < 0 {
				other[c] = true
			} else {
				used[scale.bar(time.Duration(c))] = true
			}
		}
	}
	words := []string{"last probes:"}
	for i, bar := range stripBars {
		switch {
		case used[i] && i == len(stripBars)-1:
			words = append(words, fmt.Sprintf("%c more than %s", bar, draw.Seconds.Label(scale[i-1].Seconds())))
		case used[i]:
			words = append(words, fmt.Sprintf("%c up to %s", bar, draw.Seconds.Label(scale[i].Seconds())))
		}
	}
	for _, of := range []struct {
		cell  probeCell
		words string
	}{{probeLost, lostCell + " lost"}, {probeWaits, waitsCell + " no reply yet"}, {probePaused, pausedCell + " this process was paused"}} {
		if other[of.cell] {
			words = append(words, of.words)
		}
	}
	for i := 1; i < len(words)-1; i++ {
		words[i] += ","
	}
	return strings.Split(strings.TrimSuffix(draw.FoldWords(words, columns, "", "  "), "\n"), "\n")
}

// middleCut returns text with at most n columns: its beginning, if there is room, and its end,
// in which targets differ.
func middleCut(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	end := n - 1
	if n >= 20 {
		end = n * 2 / 3
	}
	return string(runes[:n-1-end]) + "…" + string(runes[len(runes)-end:])
}
