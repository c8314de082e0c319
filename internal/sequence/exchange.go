package sequence

import (
	"fmt"
	"html"
	"math"
	"strings"
	"time"

	"echod/internal/draw"
	"echod/internal/trace"
)

// Far is what the remote agent, the peer of a connection, has told of it. Its times count from when it began, on
// its own clock.
type Far struct {
	Name           string // e.g. "agent"
	Received, Sent int64
	FIN, RST       bool // whether one has arrived there
	At             time.Duration
	Words          string // what else it told, e.g. how it has ended
}

// Of returns the life that one end of a connection has recorded.
func Of(side trace.Side, records []trace.Record) *Life {
	lives := Lives(&trace.File{Header: trace.Header{Side: side}, Records: records})
	if len(lives) == 0 {
		return nil
	}
	return lives[0]
}

// Places in an exchange, in units of which one is a pixel on a phone.
const (
	programAt           = 26
	pathLeft, pathRight = 92, 122 // what is between is not seen
	farAt               = 186
	exchangeText        = 132 // without a remote agent
	farText             = 198
	charWidth           = 5.8
	boldWidth           = 6.5

	firstEvents, lastEvents = 8, 16 // that are drawn
	silenceLow, silenceHigh = 16, 64
)

// Exchange draws what happened on a connection, as the program at this end saw it, and what the
// remote agent has told; far is nil if it has told nothing. Each arrow is a step of the life.
func (l *Life) Exchange(name string, far *Far) string {
	d := exchange{text: exchangeText, y: 30}
	if far != nil {
		d.text = farText
	}
	events := l.untilFailure()
	for i := range events {
		if skipped := len(events) - firstEvents - lastEvents; skipped > 0 && i >= firstEvents && i < firstEvents+skipped {
			if i == firstEvents {
				d.skip(events[i : i+skipped])
			}
			continue
		}
		d.event(&events[i])
	}
	if far != nil {
		d.far(far)
	}
	return d.document(name+": "+l.Summary(), far)
}

// exchange is a picture in the making.
type exchange struct {
	y, text                int
	bands, arrows, letters strings.Builder
}

func (d *exchange) event(e *Event) {
	d.silence(e)
	y := d.y + 9
	switch e.Kind {
	case Connected:
		d.arrow(programAt, pathLeft, y, "", "connect")
	case Sent:
		d.arrow(programAt, pathLeft, y, "", compact(e.Bytes))
	case Received:
		d.arrow(pathLeft, programAt, y, "", compact(e.Bytes))
	case FIN:
		d.arrow(programAt, pathLeft, y, "fin", "FIN")
	case RST:
		d.arrow(programAt, pathLeft, y, "reset", "RST")
	case Notified:
		d.arrow(programAt, pathLeft, y, "fin", "notify")
	case PeerFIN:
		label := "FIN"
		if e.notify() {
			label = "notify"
		}
		d.arrow(pathLeft, programAt, y, "fin", label)
	case PeerRST:
		d.arrow(pathLeft, programAt, y, "reset", "RST")
	case NotKept:
		d.fold()
	}
	class := "call"
	if e.Kind == FailureSeen {
		class = "fault"
		fmt.Fprintf(&d.arrows, `<path class="seen" d="M%d %dl6 6m0-6l-6 6"/>`, programAt-3, y-3)
	} else {
		fmt.Fprintf(&d.arrows, `<circle class="own" cx="%d" cy="%d" r="2.5"/>`, programAt, y)
	}
	d.lines(class, "+"+trace.Short(e.At)+" "+e.Words())
	if h := trace.HeldText(e.Step.Held); h != "" && e.Kind == FailedCall {
		d.lines("why", "the kernel: "+h)
	}
	d.y += 6
}

// silence draws a time in which nothing happened: the longer it was, the higher, but ten times as
// long is only a little higher.
func (d *exchange) silence(e *Event) {
	words := e.quiet()
	if words == "" {
		return
	}
	height := min(silenceHigh, silenceLow+int(10*math.Log10(float64(e.Before)/float64(shownPause))))
	class := "quiet"
	if e.Waited {
		class += " waited"
	}
	fmt.Fprintf(&d.bands, `<rect class="%s" x="%d" y="%d" width="%d" height="%d"/>`, class, programAt, d.y, pathLeft-programAt, height)
	fmt.Fprintf(&d.letters, `<text class="gap" x="%d" y="%d">%s</text>`, d.text, d.y+height/2+4, html.EscapeString(words))
	d.y += height + 4
}

// skip draws events that are not shown.
func (d *exchange) skip(events []Event) {
	total := Event{Kind: NotKept}
	for _, e := range events {
		switch e.Kind {
		case Sent:
			total.Bytes += e.Bytes
		case Received:
			total.Back += e.Bytes
		case NotKept:
			total.Bytes, total.Back = total.Bytes+e.Bytes, total.Back+e.Back
		}
		total.Calls += e.Calls
	}
	d.fold()
	d.lines("why", total.Words())
	d.y += 6
}

func (d *exchange) fold() {
	fmt.Fprintf(&d.bands, `<path class="fold" d="M%d %dH%d"/>`, programAt-8, d.y+9, pathLeft)
}

func (d *exchange) arrow(from, to, y int, class, label string) {
	head := -4
	if to < from {
		head = 4
	}
	fmt.Fprintf(&d.arrows, `<path class="arrow %s" d="M%d %dH%dm%d-3l%d 3l%d 3"/><text class="n %s" x="%d" y="%d">%s</text>`,
		class, from, y, to, head, -head, head, class, (from+to)/2, y-2, label)
}

// lines writes words, folded to the width that is left.
func (d *exchange) lines(class, words string) {
	letter := charWidth
	if class == "fault" {
		letter = boldWidth
	}
	for line := range strings.Lines(draw.Fold(words, int(float64(width-d.text)/letter), "", "  ")) {
		d.y += lineHeight
		line = strings.TrimRight(line, "\n")
		indent := len(line) - len(strings.TrimLeft(line, " "))
		fmt.Fprintf(&d.letters, `<text class="%s" x="%d" y="%d">%s</text>`, class, d.text+5*indent, d.y, html.EscapeString(strings.TrimSpace(line)))
	}
}

// far draws what the remote agent has told, below the events: its clock is another one.
func (d *exchange) far(f *Far) {
	d.y += 8
	d.fold()
	d.lines("why", "the "+f.Name+" has told:")
	d.y += 4
	row := func(from, to int, class, label, words string) {
		if from != to {
			d.arrow(from, to, d.y+9, class, label)
		}
		fmt.Fprintf(&d.arrows, `<circle class="own" cx="%d" cy="%d" r="2.5"/>`, farAt, d.y+9)
		d.lines("call", words)
		d.y += 6
	}
	if f.Received > 0 {
		row(pathRight, farAt, "", compact(f.Received), "received "+bytesOf(f.Received))
	} else {
		row(0, 0, "", "", "received nothing")
	}
	if f.Sent > 0 {
		row(farAt, pathRight, "", compact(f.Sent), "sent "+bytesOf(f.Sent))
	}
	when := fmt.Sprintf("+%dms ", f.At.Milliseconds())
	switch {
	case f.FIN:
		row(pathRight, farAt, "fin", "FIN", when+"received FIN")
	case f.RST:
		row(pathRight, farAt, "reset", "RST", when+"received RST")
	}
	if f.Words != "" {
		row(0, 0, "", "", f.Words)
	}
}

// document puts the parts together.
func (d *exchange) document(label string, far *Far) string {
	bottom := d.y + 8
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="seq" viewBox="0 0 %d %d" role="img" aria-label="%s">`, width, bottom, html.EscapeString(label))
	fmt.Fprintf(&b, `<rect class="paper" width="%d" height="%d"/><rect class="path" x="%d" y="22" width="%d" height="%d"/>`,
		width, bottom, pathLeft, pathRight-pathLeft, bottom-26)
	column := func(x int, name string) {
		fmt.Fprintf(&b, `<text class="name" text-anchor="middle" x="%d" y="14">%s</text>`, x, html.EscapeString(name))
	}
	line := func(x int) {
		fmt.Fprintf(&b, `<path class="lifeline" d="M%d 22V%d"/>`, x, bottom-4)
	}
	column(programAt, "check")
	line(programAt)
	if far == nil {
		column((pathLeft+pathRight)/2, "path, service")
	} else {
		column((pathLeft+pathRight)/2, "path")
		column(farAt, far.Name)
		line(farAt)
	}
	return b.String() + d.bands.String() + d.arrows.String() + d.letters.String() + "</svg>"
}

// Text returns the events, a line each.
func (l *Life) Text() string {
	var b strings.Builder
	for _, e := range l.untilFailure() {
		if words := e.quiet(); words != "" {
			fmt.Fprintf(&b, "%10s  %s\n", "", words)
		}
		fmt.Fprintf(&b, "%10s  %s\n", "+"+trace.Short(e.At), e.Words())
	}
	return b.String()
}
