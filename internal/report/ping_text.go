package report

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"echod/internal/dial"
	"echod/internal/draw"
	"echod/internal/ping"
)

// pingText writes a line for each event, as ping(8) does.
type pingText struct {
	w          io.Writer
	targets    []PingTarget
	color      bool
	timestamps bool
}

// PingText returns a Ping that writes text for people. Timestamps puts the time at
// the beginning of each event's line. If there are several targets, their names are a column.
func PingText(w io.Writer, targets []PingTarget, color, timestamps bool) Ping {
	return &pingText{w, targets, color, timestamps}
}

func (t *pingText) Start() error {
	c, what := t.targets[0], t.targets[0].Name
	if n := len(t.targets); n > 1 {
		what = fmt.Sprintf("%d targets", n)
	}
	_, err := fmt.Fprintf(t.w, "ping %s: %d bytes every %s, timeout %s\n", what, c.Size, draw.Brief(c.Interval), draw.Brief(c.Timeout))
	return err
}

func (t *pingText) Probe(target int, p ping.Probe) error {
	switch p.Fate {
	case ping.Lost:
		return t.line(target, p.At, red, fmt.Sprintf("seq=%d lost: %s", p.Seq, classAndError(p.Class, p.Err)))
	case ping.Foreign:
		words := "foreign datagram: not an answer to a probe of this ping"
		if p.Err != nil {
			words = "foreign bytes: " + p.Err.Error()
		}
		return t.line(target, p.At, colorOf(p), words)
	}
	return t.line(target, p.At, colorOf(p), t.answer(target, p))
}

// answer returns the line of an answer, with the times that are known of it.
func (t *pingText) answer(target int, p ping.Probe) string {
	var b strings.Builder
	if of := t.targets[target]; len(t.targets) == 1 {
		fmt.Fprintf(&b, "%d bytes from %s: ", of.Size, of.Name)
	}
	fmt.Fprintf(&b, "seq=%d", p.Seq)
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

func (t *pingText) Conn(target int, l ping.ConnEvent) error {
	if !l.Up {
		return t.line(target, l.At, red, "no connection: "+classAndError(l.Class, l.Err))
	}
	if l.Stale {
		return t.line(target, l.At, yellow, "a new flow to "+l.Addr+" is answered: the old one's mapping was stale")
	}
	words := "connected"
	if t.targets[target].Target.Network == "udp" {
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
	return t.line(target, l.At, plain, words)
}

func (t *pingText) Pause(target int, p ping.Pause) error {
	return t.line(target, p.At, yellow, fmt.Sprintf("paused: this process did not run for %s; %d probes are not counted", draw.Duration(p.For), p.Probes))
}

func (t *pingText) line(target int, at time.Time, c ansiColor, words string) error {
	if t.color {
		words = c.paint(words)
	}
	if len(t.targets) > 1 {
		words = fmt.Sprintf("%-*s  %s", nameColumns(t.targets), t.targets[target].Name, words)
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

// nameColumns returns the width of the longest name.
func nameColumns(targets []PingTarget) (columns int) {
	for _, t := range targets {
		columns = max(columns, utf8.RuneCountInString(t.Name))
	}
	return columns
}

func (t *pingText) End(results []PingResult) error {
	if _, err := fmt.Fprintln(t.w); err != nil {
		return err
	}
	return WritePingResults(t.w, results, t.color)
}
