package sequence

import (
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
	"time"

	"echod/internal/draw"
	"echod/internal/trace"
)

// Places in the picture of a pair, in units of which one is a pixel on a phone.
const (
	clientAt       = 20
	clientKernelAt = 52
	serverKernelAt = 128
	serverAt       = 160
	pairText       = 172
)

// pairRow is a step of one end in the picture of both. At is on the client's clock, since its connect.
type pairRow struct {
	side trace.Side
	step *Step
	at   time.Duration
}

// rows returns the steps of both ends that move something or end it, in the order of one clock. What
// sends has the time when it began, and what receives the time when it returned: an arrow between two
// of them never goes back in time.
func (p *Pair) rows() (rows []*pairRow) {
	offset, _ := p.Offset()
	begin := time.Duration(0)
	if len(p.Client.Steps) > 0 {
		begin = p.Client.start(&p.Client.Steps[0])
	}
	for _, l := range []*Life{p.Client, p.Server} {
		for i := range l.Steps {
			s := &l.Steps[i]
			at := l.end(s)
			switch s.Op {
			case trace.Receive:
				if s.N == 0 && s.Errno == "EAGAIN" {
					continue
				}
			case trace.Accept, trace.Peek:
			case trace.Connect, trace.Send, trace.Shutdown, trace.CloseNotify, trace.Close:
				at = l.start(s)
			default:
				continue
			}
			if l == p.Server {
				at -= offset
			}
			rows = append(rows, &pairRow{side: l.Side, step: s, at: at - begin})
		}
	}
	slices.SortStableFunc(rows, func(a, b *pairRow) int { return int(max(-1, min(1, a.at-b.at))) })
	return rows
}

// Text returns the steps of both ends on one clock, a line each, and how the clocks were aligned.
func (p *Pair) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", p.Words())
	if !p.Aligned() {
		return b.String()
	}
	for _, r := range p.rows() {
		fmt.Fprintf(&b, "%10s  %-6s  %-50s  %s\n", "+"+trace.Short(r.at), r.side, trace.CallText(&r.step.Record), trace.HeldText(r.step.Held))
	}
	return b.String()
}

// WritePairSVG writes the picture of both ends as an SVG document that loads nothing.
func WritePairSVG(w io.Writer, p *Pair) error {
	text := p.SVG()
	at := strings.Index(text, ">") + 1
	_, err := io.WriteString(w, text[:at]+"<style>"+Style+"</style>"+text[at:]+"\n")
	return err
}

// SVG returns the picture of both ends as an SVG element that needs Style; "" if they cannot be
// aligned.
func (p *Pair) SVG() string {
	if !p.Aligned() {
		return ""
	}
	d := pairPicture{exchange: exchange{text: pairText, y: 30}, at: map[*Step]int{}}
	if !p.Client.whole() || !p.Server.whole() {
		d.lines("gap", "steps are missing in a trace: bytes have no arrows")
		d.y += 6
	}
	rows, before := p.rows(), time.Duration(0)
	first, last := MaxRows*2/3, len(rows)-MaxRows/3
	for i, r := range rows {
		if len(rows) > MaxRows && i >= first && i < last {
			if i == first {
				d.skipped = d.y + 9
				d.lines("gap", fmt.Sprintf("%s steps are not shown", draw.Whole(float64(last-first))))
				fmt.Fprintf(&d.letters, `<path class="fold" d="M%d %dH%d"/>`, clientAt, d.skipped, serverAt)
				d.y += 6
			}
			d.at[r.step] = d.skipped
		} else {
			d.row(r, r.at-before)
		}
		before = r.at
	}
	d.across(p, p.Client, p.Server, clientAt, clientKernelAt, serverKernelAt, serverAt)
	d.across(p, p.Server, p.Client, serverAt, serverKernelAt, clientKernelAt, clientAt)
	return d.finish(p)
}

// pairPicture is a picture in the making. At is where the steps are, and skipped where those are that
// are not shown; 0 if all are.
type pairPicture struct {
	exchange
	at      map[*Step]int
	skipped int
}

func (d *pairPicture) row(r *pairRow, quiet time.Duration) {
	if quiet >= shownPause {
		d.y += lineHeight
		fmt.Fprintf(&d.letters, `<path class="fold" d="M%d %dH%d"/><text class="gap" x="%d" y="%d">%s later</text>`,
			clientAt, d.y-3, serverAt, pairText, d.y, trace.Short(quiet))
	}
	y := d.y + 9
	d.at[r.step] = y
	x, kernel := clientAt, clientKernelAt
	if r.side == trace.Server {
		x, kernel = serverAt, serverKernelAt
	}
	fmt.Fprintf(&d.letters, `<circle class="own" cx="%d" cy="%d" r="2.5"/>`, x, y)
	if h := r.step.Held; h != nil && h.Arrived+h.Unacknowledged > 0 {
		fmt.Fprintf(&d.bands, `<rect class="band in" x="%d" y="%d" width="6" height="10"><title>%s</title></rect>`, kernel-3, y-5, html.EscapeString(trace.HeldText(h)))
	}
	call := r.step.Record
	call.Data = nil // it does not fit
	words := string(r.side) + " +" + trace.Short(r.at) + " " + trace.CallText(&call)
	d.lines("call", words)
	if h := r.step.Held; h != nil && h.Arrived+h.Unacknowledged > 0 {
		d.lines("why", trace.HeldText(h))
	}
	d.y += 6
}

// across draws what one end has sent, and where the other has received it. What nobody has received,
// as far as the trace shows it, ends in the network.
func (d *pairPicture) across(p *Pair, from, to *Life, x1, x2, x3, x4 int) {
	if from.whole() && to.whole() {
		arrived := map[*Step]int64{}
		for _, m := range moves(from, to) {
			arrived[m.sent] += m.bytes
			d.slant(m.sent, m.received, x1, x2, x3, x4, "", compact(m.bytes))
		}
		for i := range from.Steps {
			if s := &from.Steps[i]; s.Op == trace.Send && int64(s.N) > arrived[s] {
				d.slant(s, nil, x1, x2, x3, x4, "", compact(int64(s.N)-arrived[s]))
			}
		}
	}
	if c, a := from.first(trace.Connect), to.first(trace.Accept); c != nil {
		d.slant(c, a, x1, x2, x3, x4, "", "connect")
	}
	if f := from.finish(); f != nil {
		d.slant(f, to.endOfStream(), x1, x2, x3, x4, "fin", "FIN")
	}
	reset := slices.IndexFunc(from.Steps, func(s Step) bool { return s.Reset })
	got := slices.IndexFunc(to.Steps, func(s Step) bool { return s.PeerReset })
	switch {
	case reset >= 0 && got >= 0:
		d.slant(&from.Steps[reset], &to.Steps[got], x1, x2, x3, x4, "reset", "RST")
	case reset >= 0:
		d.slant(&from.Steps[reset], nil, x1, x2, x3, x4, "reset", "RST")
	}
}

// slant draws an arrow from the program at x1 over its kernel at x2 and the kernel at x3 to the
// program at x4; to the middle of the network if to is nil. An arrow between two steps that are not
// shown is not shown either.
func (d *pairPicture) slant(from, to *Step, x1, x2, x3, x4 int, class, label string) {
	y1, ok := d.at[from]
	if !ok {
		return
	}
	y4, ok := d.at[to]
	if y1 == d.skipped {
		if !ok || y4 == d.skipped {
			return
		}
		label = "" // many begin there
	}
	path := fmt.Sprintf("M%d %dH%dL%d %dH%d", x1, y1, x2, x3, y4, x4)
	end, y := x4, y4
	if to == nil || !ok {
		end, y = (x2+x3)/2, y1
		path = fmt.Sprintf("M%d %dH%d", x1, y1, end)
	}
	head := -4
	if x4 < x1 {
		head = 4
	}
	fmt.Fprintf(&d.arrows, `<path class="arrow %s" d="%s"/><path class="arrow %s head" d="M%d %dl%d-3m%d 3l%d 3"/><text class="n %s" x="%d" y="%d">%s</text>`,
		class, path, class, end, y, head, -head, head, class, (x1+x2)/2, y1-2, label)
}

// finish puts the parts together.
func (d *pairPicture) finish(p *Pair) string {
	bottom := d.y + 8
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="seq" viewBox="0 0 %d %d" role="img" aria-label="%s">`, width, bottom,
		html.EscapeString("Both ends of connection "+p.Client.Local+": "+p.Words()))
	fmt.Fprintf(&b, `<rect class="paper" width="%d" height="%d"/><rect class="path" x="%d" y="22" width="%d" height="%d"/>`,
		width, bottom, clientKernelAt, serverKernelAt-clientKernelAt, bottom-26)
	for _, column := range []struct {
		x    int
		name string
	}{{clientAt, "client"}, {clientKernelAt, "queues"}, {(clientKernelAt + serverKernelAt) / 2, "network"}, {serverKernelAt, "queues"}, {serverAt, "server"}} {
		fmt.Fprintf(&b, `<text class="name" text-anchor="middle" x="%d" y="14">%s</text>`, column.x, column.name)
		if column.name != "network" {
			fmt.Fprintf(&b, `<path class="lifeline" d="M%d 22V%d"/>`, column.x, bottom-4)
		}
	}
	return b.String() + d.bands.String() + d.arrows.String() + d.letters.String() + "</svg>"
}
