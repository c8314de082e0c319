package report

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"echod/internal/draw"
	"echod/internal/sequence"
	"echod/internal/trace"
)

// Trace is a trace that was read from a file.
type Trace struct {
	Name string
	File *trace.File
}

// WriteTraceText writes the steps of each connection, one connection after the other, and a line
// that sums it up.
func WriteTraceText(w io.Writer, t Trace) error {
	var b strings.Builder
	lives := sequence.Lives(t.File)
	for _, l := range lives {
		for i := range l.Steps {
			s := &l.Steps[i]
			b.WriteString(trace.Line(&s.Record, l.Peer, s.At) + "\n")
		}
		fmt.Fprintf(&b, "%s\n\n", summary(l))
	}
	b.WriteString(count(len(lives), "connection", "connections") + incomplete(t.File) + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// summary returns a life in one line.
func summary(l *sequence.Life) string {
	return fmt.Sprintf("connection %d, %s%s: %s received, %s sent, %s after %s", l.Number, cmp.Or(l.Peer, "peer unknown"), engineOf(l),
		draw.Bytes.Write(float64(l.Received)), draw.Bytes.Write(float64(l.Sent)), l.End(), trace.Short(l.Duration()))
}

func peerOf(l *sequence.Life) string { return cmp.Or(l.Peer, fmt.Sprintf("connection %d", l.Number)) }

func engineOf(l *sequence.Life) string {
	if l.Rule != "" {
		return " for " + l.Rule
	}
	if l.Engine == "" {
		return ""
	}
	return " on " + l.Engine
}

// incomplete says what is missing in a trace.
func incomplete(f *trace.File) string {
	lost, text := 0, ""
	for _, r := range f.Records {
		switch r.Op {
		case trace.Lost:
			lost += r.N
		case trace.Full:
			text = "; the file reached its limit after " + trace.Short(r.Time)
		}
	}
	if f.Cut {
		text = "; the file ends within a line: the steps after it are missing"
	}
	if lost > 0 {
		text += fmt.Sprintf("; %s missing, because the output was too slow", count(lost, "step is", "steps are"))
	}
	return text
}

// Connections returns how many connections the trace has.
func (t Trace) Connections() int { return len(sequence.Lives(t.File)) }

// Only returns the trace with the connection of this number alone.
func (t Trace) Only(conn int) Trace {
	f := *t.File
	f.Records = slices.DeleteFunc(slices.Clone(f.Records), func(r trace.Record) bool { return r.Conn != 0 && r.Conn != conn })
	return Trace{Name: t.Name, File: &f}
}

// WriteTraceSVG writes the picture of a trace with one connection. Of several it draws the first.
func WriteTraceSVG(w io.Writer, t Trace) error {
	return sequence.WriteSVG(w, sequence.Lives(t.File)[0])
}

// maxPictures is how many lives a page draws. The table has all of them.
const maxPictures = 50

//go:embed page/trace.html
var traceHTML string

var traceTemplate = newTemplate("trace", traceHTML)

// tracePage is the input of the template.
type tracePage struct {
	page
	Program, Start, Missing string
	Lives                   []tracedLife
	Rest                    int // lives that are not drawn
}

// Heading returns what the page shows.
func (p tracePage) Heading() string {
	if p.Several() {
		return fmt.Sprintf("The lives of %d connections", len(p.Lives))
	}
	return "The life of a connection"
}

// Several reports whether there is more than one life, or none.
func (p tracePage) Several() bool { return len(p.Lives) != 1 }

type tracedLife struct {
	*sequence.Life
	Name, Summary string
	Open          bool // whether its picture is shown at once
	Picture       template.HTML
}

// Count returns the number of steps.
func (l tracedLife) Count() int { return len(l.Steps) }

// Took returns how long the life took.
func (l tracedLife) Took() string { return trace.Short(l.Duration()) }

// Bytes returns how many bytes were received and sent.
func (l tracedLife) Bytes() string {
	return draw.Bytes.Write(float64(l.Received)) + " / " + draw.Bytes.Write(float64(l.Sent))
}

// WriteTraceHTML writes a self-contained page with a table of the connections, and a picture of
// each.
func WriteTraceHTML(w io.Writer, t Trace) error {
	p := tracePage{page: newPage(cmp.Or(t.File.Header.Program, t.Name)), Program: t.File.Header.Program,
		Start: t.File.Header.Start.Format(time.DateTime), Missing: strings.TrimPrefix(incomplete(t.File), "; ")}
	p.Style += template.CSS(sequence.Style)
	p.Policy = "default-src 'none'; style-src " + digest(string(p.Style))
	for i, l := range sequence.Lives(t.File) {
		one := tracedLife{Life: l, Name: peerOf(l), Summary: summary(l), Open: i < 3}
		if i < maxPictures {
			one.Picture = template.HTML(l.SVG())
		} else {
			p.Rest++
		}
		p.Lives = append(p.Lives, one)
	}
	return traceTemplate.Execute(w, p)
}
