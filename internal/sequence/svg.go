package sequence

import (
	"fmt"
	"html"
	"io"
	"strings"
	"time"

	"echod/internal/draw"
	"echod/internal/trace"
)

// Style is the style of the diagrams, for a page that has several of them.
const Style = `.seq{--paper:#fff;--ink:#1b1f24;--faint:#5b6570;--line:#c9cfd6;--in:#0b62c4;--own:#d1570a;--out:#12805c;--bad:#b42318}
@media screen and (prefers-color-scheme:dark){.seq{--paper:#14171b;--ink:#e6e9ec;--faint:#9aa4af;--line:#414a54;--in:#6cb2ff;--own:#ff9e5c;--out:#4fd1a1;--bad:#ff8a7a}}
.seq{font:10px system-ui,"DejaVu Sans",sans-serif;color-scheme:light dark}
.seq .paper{fill:var(--paper)}.seq text{fill:var(--ink)}.seq .why,.seq .name,.seq .gap{fill:var(--faint)}
.seq .call{font-family:ui-monospace,"DejaVu Sans Mono",monospace;font-size:9.5px}
.seq .name{font-size:8.5px}.seq .n{font-size:7.5px;text-anchor:middle;paint-order:stroke;stroke:var(--paper);stroke-width:2.5px}
.seq .engine{font-size:13px;font-weight:600}.seq .state{font-size:8px;font-weight:600}
.seq .lifeline{stroke:var(--line);stroke-width:1}.seq .fold{stroke:var(--line);stroke-dasharray:2 2}
.seq .in{fill:var(--in)}.seq .own{fill:var(--own)}.seq .out{fill:var(--out)}
.seq .band{opacity:.55}.seq .strip{fill:var(--line)}.seq .strip.odd{fill:var(--faint)}
.seq .arrow{fill:none;stroke:var(--ink);stroke-width:1.2}.seq .fin{stroke-dasharray:4 2}
.seq .reset{stroke:var(--bad);stroke-width:1.8}.seq .path{fill:var(--line);opacity:.35}.seq .quiet{fill:var(--line);opacity:.3}.seq .quiet.waited{fill:var(--bad);opacity:.14}
.seq .seen{stroke:var(--bad);stroke-width:2}.seq .fault{fill:var(--bad);font-weight:600}
.seq .n.reset{fill:var(--bad);stroke:var(--paper);stroke-width:2.5px;font-weight:700}
`

// The diagram is as wide as a phone, in units of which one is a pixel there. Time runs down, so
// that a long life is a long picture and not a small one.
const (
	width = 390
	top   = 52 // the first row

	strip    = 3   // the state of the connection
	peerLeft = 20  // the peer, from which bytes arrive
	inLane   = 50  // the receive queue
	ownLane  = 80  // the program
	outLane  = 110 // the send queue
	peerBack = 140 // the peer, to which bytes go back
	textAt   = 152
	lane     = 24 // the width of the widest band

	callWidth, whyWidth = 40, 46 // in characters
	lineHeight          = 12
	gapHeight           = 14
	longGap             = time.Millisecond // a shorter time between two steps is not marked
)

// MaxRows is how many steps a diagram shows. Of a longer life it shows the first and the last.
const MaxRows = 120

// WriteSVG writes the diagram of l as an SVG document that loads nothing.
func WriteSVG(w io.Writer, l *Life) error {
	text := l.SVG()
	at := strings.Index(text, ">") + 1
	_, err := io.WriteString(w, text[:at]+"<style>"+Style+"</style>"+text[at:]+"\n")
	return err
}

// SVG returns the diagram as an SVG element that needs Style.
func (l *Life) SVG() string {
	d := diagram{life: l, y: top, before: l.Before}
	if l.Before != nil {
		d.stepY = top
		for _, n := range waiting(l.Before) {
			d.most = max(d.most, n)
		}
		d.skip(l.Earlier)
	}
	for i := range l.Steps {
		for _, n := range waiting(&l.Steps[i]) {
			d.most = max(d.most, n)
		}
	}
	first, last := MaxRows*2/3, len(l.Steps)-MaxRows/3
	for i := range l.Steps {
		if len(l.Steps) > MaxRows && i >= first && i < last {
			if i == first {
				d.skip(last - first)
			}
			d.before = &l.Steps[i]
			continue
		}
		d.row(&l.Steps[i])
	}
	d.open()
	d.y += 8
	return d.document()
}

func waiting(s *Step) [3]int64 {
	a, b, c := s.Waiting()
	return [3]int64{a, b, c}
}

// diagram is a picture in the making.
type diagram struct {
	life   *Life
	most   int64 // the most bytes that wait anywhere
	y      int   // of the next row
	before *Step
	stepY  int // where the arrows of the last row are
	states int // how often the state has changed

	bands, arrows, texts strings.Builder
}

// row draws a step: what has moved since the last, and its text.
func (d *diagram) row(s *Step) {
	if d.before != nil {
		if gap := s.At - d.before.At; gap >= longGap {
			d.gap(gap)
		}
	}
	y := d.y + 8
	d.waitUntil(y)
	before := Step{}
	switch {
	case s.Op == trace.Begin: // what was before has no arrows
		before = *s
	case d.before != nil:
		before = *d.before
	}
	d.move(peerLeft, inLane, y-4, s.Arrived-before.Arrived)
	if s.PeerFinished {
		d.arrow(peerLeft, inLane, y+4, "fin", "FIN")
	}
	if s.PeerReset {
		d.arrow(peerLeft, inLane, y+4, "reset", "RST")
	}
	d.move(inLane, ownLane, y, s.Received-before.Received)
	d.move(ownLane, outLane, y, s.Sent-before.Sent)
	d.move(outLane, peerBack, y+4, s.Acknowledged-before.Acknowledged)
	if s.Finished {
		d.arrow(outLane, peerBack, y, "fin", "FIN")
	}
	if s.Reset {
		d.arrow(outLane, peerBack, y, "reset", "RST")
	}
	fmt.Fprintf(&d.arrows, `<circle class="own" cx="%d" cy="%d" r="2.5"/>`, ownLane, y)
	d.state(s, before.State, y)
	d.text(s)
	d.before, d.stepY = s, y
}

// text writes when, the call and the reason, folded.
func (d *diagram) text(s *Step) {
	if s.Op == trace.Omitted {
		for line := range strings.Lines(draw.Fold(trace.Line(&s.Record, "", 0), whyWidth, "", "")) {
			d.line("gap", line)
		}
		d.y += 6
		return
	}
	call := ""
	if s.Op != trace.Begin {
		call = " " + trace.CallText(&s.Record)
	}
	if d.life.Duration() > 0 { // else the trace has no times
		call = "+" + trace.Short(s.At) + call
	}
	for line := range strings.Lines(draw.Fold(call, callWidth, "", "  ")) {
		for line = strings.TrimRight(line, "\n"); line != ""; {
			at := cut(line)
			d.line("call", line[:at])
			if line = line[at:]; line != "" {
				line = "  " + line
			}
		}
	}
	for line := range strings.Lines(draw.Fold(s.Why, whyWidth, "", "")) {
		d.line("why", line)
	}
	d.y += 6
}

// cut returns how much of a line of a call has room in a line: a word can be longer, e.g. bytes that are
// all escaped. An escape, e.g. \x00, is not divided.
func cut(line string) int {
	end, n := len(line), 0
	for i := range line {
		if n == callWidth {
			end = i
			break
		}
		n++
	}
	if at := strings.LastIndexByte(line[:end], '\\'); end < len(line) && at > 2 && end-at < len(`\x00`) {
		return at
	}
	return end
}

func (d *diagram) line(class, text string) {
	text = strings.TrimRight(text, "\n")
	indent := len(text) - len(strings.TrimLeft(text, " "))
	d.y += lineHeight
	fmt.Fprintf(&d.texts, `<text class="%s" x="%d" y="%d">%s</text>`, class, textAt+indent*5, d.y, html.EscapeString(strings.TrimSpace(text)))
}

// state draws the strip of the connection's state, and names a new state.
func (d *diagram) state(s *Step, before string, y int) {
	if s.State == before || s.State == "" {
		return
	}
	d.states++
	d.line("state", "→ "+s.State)
}

// waitUntil draws what waits in the queues from the last row to y.
func (d *diagram) waitUntil(y int) {
	if d.before == nil {
		return
	}
	for i, n := range waiting(d.before) {
		if n == 0 {
			continue
		}
		w := max(3, int(n*lane/d.most))
		fmt.Fprintf(&d.bands, `<rect class="band %s" x="%d" y="%d" width="%d" height="%d"><title>%s</title></rect>`,
			[...]string{"in", "own", "out"}[i], [...]int{inLane, ownLane, outLane}[i]-w/2, d.stepY, w, y-d.stepY, draw.Bytes.Write(float64(n)))
	}
	if d.before.State != "" {
		class := "strip"
		if d.states%2 == 1 {
			class += " odd"
		}
		fmt.Fprintf(&d.bands, `<rect class="%s" x="%d" y="%d" width="6" height="%d"><title>%s</title></rect>`,
			class, strip, d.stepY, y-d.stepY, html.EscapeString(d.before.State))
	}
}

// move draws n bytes that have moved from one place to the next.
func (d *diagram) move(from, to, y int, n int64) {
	if n > 0 {
		d.arrow(from, to, y, "", compact(n))
	}
}

func (d *diagram) arrow(from, to, y int, class, label string) {
	fmt.Fprintf(&d.arrows, `<path class="arrow %s" d="M%d %dH%dm-4-3l4 3l-4 3"/><text class="n %s" x="%d" y="%d">%s</text>`,
		class, from, y, to-1, class, (from+to)/2, y-2, label)
}

// gap marks a time in which nothing happened.
func (d *diagram) gap(length time.Duration) {
	d.y += gapHeight
	fmt.Fprintf(&d.texts, `<path class="fold" d="M%d %dH%d"/><text class="gap" x="%d" y="%d">%s later</text>`,
		peerLeft, d.y-3, peerBack, textAt, d.y, trace.Short(length))
	d.y += 2
}

// skip marks steps that are not shown.
func (d *diagram) skip(n int) {
	d.y += gapHeight
	fmt.Fprintf(&d.texts, `<path class="fold" d="M%d %dH%d"/><text class="gap" x="%d" y="%d">%s steps are not shown</text>`,
		peerLeft, d.y-3, peerBack, textAt, d.y, draw.Whole(float64(n)))
	d.y += 6
}

// open shows what waits after the last step of a connection that has not ended, e.g. that of a stalled
// reader.
func (d *diagram) open() {
	last := d.before
	if last == nil || last.Op == trace.Close {
		return
	}
	var parts []string
	for i, n := range waiting(last) {
		if n > 0 {
			parts = append(parts, draw.Bytes.Write(float64(n))+[...]string{" in the receive queue", " owed by the program", " in the send queue"}[i])
		}
	}
	if len(parts) == 0 {
		return
	}
	for line := range strings.Lines(draw.Fold("still open: "+strings.Join(parts, ", "), whyWidth, "", "")) {
		d.line("gap", line)
	}
	d.waitUntil(d.y)
}

// document puts the parts together: lines below bands below arrows.
func (d *diagram) document() string {
	var b strings.Builder
	title := fmt.Sprintf("The life of connection %d, peer %s", d.life.Number, d.life.Peer)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="seq" viewBox="0 0 %d %d" role="img" aria-label="%s">`, width, d.y, html.EscapeString(title))
	fmt.Fprintf(&b, `<rect class="paper" width="%d" height="%d"/>`, width, d.y)
	fmt.Fprintf(&b, `<text class="engine" x="%d" y="%d">%s</text>`, textAt+lane, top-10, html.EscapeString(d.life.Engine))
	peer := "client"
	if d.life.Side == trace.Client {
		peer = "server"
	}
	for _, column := range []struct {
		x    int
		name string
	}{{peerLeft, peer}, {inLane, "receive queue"}, {ownLane, "program"}, {outLane, "send queue"}, {peerBack, peer}} {
		fmt.Fprintf(&b, `<text class="name" transform="translate(%d %d)rotate(-32)">%s</text><path class="lifeline" d="M%d %dV%d"/>`,
			column.x-2, top-8, column.name, column.x, top-4, d.y-4)
	}
	return b.String() + d.bands.String() + d.arrows.String() + d.texts.String() + "</svg>"
}

// compact writes a number of bytes in at most five characters.
func compact(n int64) string {
	for _, unit := range []string{"", "K", "M", "G", "T"} {
		if n < 10_000 {
			return fmt.Sprintf("%d%s", n, unit)
		}
		n /= 1024
	}
	return "∞"
}
