package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"echod/check"
	"echod/internal/ping"
	"echod/internal/report"
)

// pingText tells people, a line a probe, as ping(8) does.
type pingText struct {
	out        io.Writer
	config     ping.Config
	color      bool
	timestamps bool
}

func (t *pingText) begin() {
	c := t.config
	fmt.Fprintf(t.out, "ping %s: %d bytes each %s, %s for an answer\n", c.Target, c.Size, spanText(c.Interval), spanText(c.Wait))
}

func (t *pingText) probe(p ping.Probe) {
	switch p.Fate {
	case ping.Lost:
		t.say(p.At, check.Fail, fmt.Sprintf("seq=%d lost: %s", p.Seq, why(string(p.Class), p.Err)))
	case ping.Foreign:
		t.say(p.At, shade(p), t.foreign(p))
	default:
		t.say(p.At, shade(p), t.answer(p))
	}
}

// foreign is the line of what nobody asked for.
func (t *pingText) foreign(p ping.Probe) string {
	if p.Err != nil {
		return "foreign bytes: " + p.Err.Error()
	}
	return "a foreign datagram: it answers none of these probes"
}

// answer is the line of one, with the times that are known of it.
func (t *pingText) answer(p ping.Probe) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d bytes from %s: seq=%d", t.config.Size, t.config.Target, p.Seq)
	for _, part := range pingPhases(p.Phases) {
		if part.took > 0 {
			fmt.Fprintf(&b, " %s=%s", strings.ReplaceAll(part.name, " ", "-"), report.Duration(part.took))
		}
	}
	fmt.Fprintf(&b, " time=%s", report.Duration(p.RTT))
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

// shade is the verdict in whose colour an answer is told.
func shade(p ping.Probe) check.Verdict {
	switch {
	case p.Err != nil:
		return check.Fail
	case p.Fate != ping.Answered || p.Reordered:
		return check.Skip
	}
	return ""
}

func (t *pingText) link(l ping.Link) {
	if !l.Up {
		t.say(l.At, check.Fail, "no connection: "+why(string(l.Class), l.Err))
		return
	}
	words := "connected"
	if t.config.Target.Network == "udp" {
		words = "socket" // which says nothing of whether somebody is there
	}
	if l.Addr != "" {
		words += " to " + l.Addr
	}
	var parts []string
	for _, part := range pingPhases(l.Phases) {
		if part.took > 0 {
			parts = append(parts, part.name+" "+report.Duration(part.took))
		}
	}
	words += ": " + strings.Join(parts, ", ")
	if l.Down > 0 {
		words += ", after " + report.Duration(l.Down) + " without a connection"
	}
	t.say(l.At, "", words)
}

// say writes one line; "" is no colour.
func (t *pingText) say(at time.Time, v check.Verdict, words string) {
	if t.color && v != "" {
		words = v.Paint(words)
	}
	if t.timestamps {
		words = at.Format("2006-01-02 15:04:05.000 ") + words
	}
	fmt.Fprintln(t.out, words)
}

// why is a class, if there is one, and the error.
func why(class string, err error) string {
	if class == "" {
		return err.Error()
	}
	return class + ": " + err.Error()
}

// phase is a part of what a probe took.
type phase struct {
	name string
	took time.Duration
}

func pingPhases(p ping.Phases) []phase {
	return []phase{{"dns", p.DNS}, {"connect", p.Connect}, {"tls", p.TLS}, {"first byte", p.FirstByte}}
}
