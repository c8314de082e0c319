package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"echod/internal/dial"
	"echod/internal/draw"
	"echod/internal/hist"
	"echod/internal/ping"
)

// Ping writes a ping in one format: what it is, each event as it happens, and the
// summary. The lines of an event are written when its method returns. Each method
// returns the first error of the writer.
type Ping interface {
	Start() error
	Probe(ping.Probe) error
	Conn(ping.ConnEvent) error
	// Pause is called for pauses of at least [ping.LongPause].
	Pause(ping.Pause) error
	End(ping.Summary, []Verdict) error
}

// pingText writes a line for each event, as ping(8) does.
type pingText struct {
	w          io.Writer
	config     ping.Config
	color      bool
	timestamps bool
}

// PingText returns a Ping that writes text for people. Timestamps puts the time at
// the beginning of each event's line.
func PingText(w io.Writer, c ping.Config, color, timestamps bool) Ping {
	return &pingText{w, c, color, timestamps}
}

func (t *pingText) Start() error {
	c := t.config
	_, err := fmt.Fprintf(t.w, "ping %s: %d bytes every %s, timeout %s\n", c.Target, c.Size, draw.Brief(c.Interval), draw.Brief(c.Timeout))
	return err
}

func (t *pingText) Probe(p ping.Probe) error {
	switch p.Fate {
	case ping.Lost:
		return t.line(p.At, red, fmt.Sprintf("seq=%d lost: %s", p.Seq, classAndError(p.Class, p.Err)))
	case ping.Foreign:
		words := "foreign datagram: not an answer to a probe of this ping"
		if p.Err != nil {
			words = "foreign bytes: " + p.Err.Error()
		}
		return t.line(p.At, colorOf(p), words)
	}
	return t.line(p.At, colorOf(p), t.answer(p))
}

// answer returns the line of an answer, with the times that are known of it.
func (t *pingText) answer(p ping.Probe) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d bytes from %s: seq=%d", t.config.Size, t.config.Target, p.Seq)
	for _, part := range phasesOf(p.Phases) {
		if part.took > 0 {
			fmt.Fprintf(&b, " %s=%s", strings.ReplaceAll(part.name, " ", "-"), draw.Duration(part.took))
		}
	}
	if p.Phases.Retransmits > 0 {
		fmt.Fprintf(&b, " syn-retransmits=%d", p.Phases.Retransmits)
	}
	fmt.Fprintf(&b, " time=%s", draw.Duration(p.RTT))
	if p.Fate != ping.Answered {
		fmt.Fprintf(&b, " (%s)", p.Fate)
	}
	if p.Reordered {
		b.WriteString(" (reordered)")
	}
	if p.Err != nil {
		fmt.Fprintf(&b, " (%v)", p.Err)
	}
	return b.String()
}

// colorOf returns the colour of an answer's line: none if the answer is good.
func colorOf(p ping.Probe) ansiColor {
	switch {
	case p.Err != nil:
		return red
	case p.Fate != ping.Answered || p.Reordered:
		return yellow
	}
	return plain
}

func (t *pingText) Conn(l ping.ConnEvent) error {
	if !l.Up {
		return t.line(l.At, red, "no connection: "+classAndError(l.Class, l.Err))
	}
	if l.Stale {
		return t.line(l.At, yellow, "a new flow to "+l.Addr+" is answered: the old one's mapping was stale")
	}
	words := "connected"
	if t.config.Target.Network == "udp" {
		words = "socket" // it does not show that a service is there
	}
	if l.Addr != "" {
		words += " to " + l.Addr
	}
	var parts []string
	for _, part := range phasesOf(l.Phases) {
		if part.took > 0 {
			parts = append(parts, part.name+" "+draw.Duration(part.took))
		}
	}
	if n := l.Phases.Retransmits; n > 0 {
		parts = append(parts, fmt.Sprintf("%d SYN sent again", n))
	}
	words += ": " + strings.Join(parts, ", ")
	if l.From != "" {
		words += ", the name had " + l.From + " before"
	}
	if l.Down > 0 {
		words += ", after " + draw.Duration(l.Down) + " without a connection"
	}
	return t.line(l.At, plain, words)
}

func (t *pingText) Pause(p ping.Pause) error {
	return t.line(p.At, yellow, fmt.Sprintf("paused: this process did not run for %s; %d probes are not counted", draw.Duration(p.For), p.Probes))
}

func (t *pingText) line(at time.Time, c ansiColor, words string) error {
	if t.color {
		words = c.paint(words)
	}
	if t.timestamps {
		words = at.Format("2006-01-02 15:04:05.000 ") + words
	}
	_, err := fmt.Fprintln(t.w, words)
	return err
}

// classAndError returns the class, if there is one, and the error.
func classAndError(class dial.Class, err error) string {
	if class == "" {
		return err.Error()
	}
	return string(class) + ": " + err.Error()
}

// phase is one part of a round trip or of a connection.
type phase struct {
	name string
	took time.Duration
}

func phasesOf(p ping.Phases) []phase {
	return []phase{{"dns", p.DNS}, {"connect", p.Connect}, {"tls", p.TLS}, {"first byte", p.FirstByte}}
}

func (t *pingText) End(s ping.Summary, verdicts []Verdict) error {
	if _, err := fmt.Fprintln(t.w); err != nil {
		return err
	}
	return WritePingSummary(t.w, s, verdicts, t.color)
}

// WritePingSummary writes the summary of a ping and its thresholds as text. An event
// that is rare has a line only if it happened.
func WritePingSummary(w io.Writer, s ping.Summary, verdicts []Verdict, color bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d sent, %d received, %d lost (%s), %d duplicated, %d reordered\n",
		s.Sent, s.Received, s.Lost, draw.Percentage(s.Loss()), s.Duplicated, s.Reordered)
	if s.Lost > 0 {
		fmt.Fprintf(&b, "lost        %s\n", classCounts(s.LostBy))
	}
	if rare := rareEvents(s); rare != "" {
		fmt.Fprintf(&b, "also        %s\n", rare)
	}
	if s.Paused > 0 {
		fmt.Fprintf(&b, "paused      %d probes are not counted: this process did not run for %s\n", s.Paused, draw.Duration(s.PausedFor))
	}
	if s.Reconnects > 0 || s.Down > 0 {
		fmt.Fprintf(&b, "reconnects  %d, and %s without a connection\n", s.Reconnects, draw.Duration(s.Down))
	}
	if s.LowestTTL > 0 {
		fmt.Fprintf(&b, "distance    %s\n", distance(s))
	}
	if s.Received > 0 {
		writePingTimes(&b, s)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	return WriteVerdicts(w, verdicts, color)
}

// distance says with which TTLs the answers arrived, and how many hops that probably is.
func distance(s ping.Summary) string {
	if s.LowestTTL == s.HighestTTL {
		return fmt.Sprintf("ttl %d, about %s", s.LowestTTL, hops(ping.Hops(s.LowestTTL)))
	}
	far, near := ping.Hops(s.LowestTTL), ping.Hops(s.HighestTTL)
	return fmt.Sprintf("ttl %d to %d, about %d to %s: the path changes", s.LowestTTL, s.HighestTTL, min(far, near), hops(max(far, near)))
}

func hops(n int) string {
	if n == 1 {
		return "1 hop"
	}
	return fmt.Sprintf("%d hops", n)
}

// writePingTimes writes a row for each time that was measured.
func writePingTimes(w io.Writer, s ping.Summary) {
	row := func(name string, cells ...string) {
		fmt.Fprintf(w, "%-10s", name)
		for _, cell := range cells {
			fmt.Fprintf(w, " %8s", cell)
		}
		fmt.Fprintln(w)
	}
	row("", "min", "avg", "p50", "p99", "p99.9", "max", "jitter")
	for _, part := range []struct {
		name string
		of   hist.Summary
	}{{"dns", s.DNS}, {"connect", s.Connect}, {"tls", s.TLS}, {"first byte", s.FirstByte}} {
		if part.of.Count > 0 {
			row(part.name, timeCells(part.of)...)
		}
	}
	jitter := "-" // one answer has no difference to another
	if s.Received > 1 {
		jitter = draw.Duration(s.Jitter)
	}
	row("round trip", append(timeCells(s.RTT), jitter)...)
}

func timeCells(s hist.Summary) []string {
	var cells []string
	for _, d := range []time.Duration{s.Min, s.Mean, s.P50, s.P99, s.P999, s.Max} {
		cells = append(cells, draw.Duration(d))
	}
	return cells
}

// classCounts lists the classes of lost probes, the most frequent first.
func classCounts[N int64 | uint64](by map[dial.Class]N) string {
	classes := slices.SortedFunc(maps.Keys(by), func(a, b dial.Class) int {
		return cmp.Or(cmp.Compare(by[b], by[a]), cmp.Compare(a, b))
	})
	var words []string
	for _, class := range classes {
		words = append(words, fmt.Sprintf("%d %s", by[class], cmp.Or(class, "other")))
	}
	return strings.Join(words, ", ")
}

func rareEvents(s ping.Summary) string {
	var words []string
	for _, of := range []struct {
		n    int64
		name string
	}{{s.Late, "late"}, {s.Corrupt, "corrupt"}, {s.Foreign, "foreign"}, {s.Retransmits, "SYN sent again"}, {s.Moved, "moved"}, {s.Stale, "stale"}} {
		if of.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", of.n, of.name))
		}
	}
	return strings.Join(words, ", ")
}
