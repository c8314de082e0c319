package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"echod/internal/sequence"
	"echod/internal/trace"
)

// Pairs are the connections that are in two traces, one of each end.
type Pairs struct {
	Client, Server Trace
	pairs          []sequence.Pair
}

// NewPairs matches two traces, one of a client and one of a server in any order; ok is false if they
// are not that.
func NewPairs(a, b Trace) (p Pairs, ok bool) {
	if a.File.Header.Side == trace.Server {
		a, b = b, a
	}
	if a.File.Header.Side != trace.Client || b.File.Header.Side != trace.Server {
		return Pairs{}, false
	}
	return Pairs{a, b, sequence.Match(a.File, b.File)}, true
}

// Count returns how many connections are in both traces.
func (p Pairs) Count() int { return len(p.pairs) }

// Only returns the pair of which the client's connection has this number.
func (p Pairs) Only(conn int) Pairs {
	p.pairs = slices.DeleteFunc(slices.Clone(p.pairs), func(one sequence.Pair) bool { return one.Client.Number != conn })
	return p
}

// pairHeading names a pair.
func pairHeading(p *sequence.Pair) string {
	return fmt.Sprintf("connection %d, from %s%s%s", p.Client.Number, p.Client.Local, engineOf(p.Client), engineOf(p.Server))
}

// WritePairsText writes the steps of both ends of each connection on one clock.
func WritePairsText(w io.Writer, p Pairs) error {
	var b strings.Builder
	for i := range p.pairs {
		one := &p.pairs[i]
		fmt.Fprintf(&b, "%s: %s\n", pairHeading(one), one.Text())
	}
	fmt.Fprintf(&b, "%s in both traces; %d in that of the client, %d in that of the server\n",
		count(p.Count(), "connection is", "connections are"), p.Client.Connections(), p.Server.Connections())
	_, err := io.WriteString(w, b.String())
	return err
}

// WritePairSVG writes the picture of the first pair.
func WritePairSVG(w io.Writer, p Pairs) error {
	if one := &p.pairs[0]; !one.Aligned() {
		return fmt.Errorf("%s: %s", pairHeading(one), one.Words())
	}
	return sequence.WritePairSVG(w, &p.pairs[0])
}

//go:embed page/pair.html
var pairHTML string

var pairTemplate = newTemplate("pair", pairHTML)

// pairPage is the input of the template.
type pairPage struct {
	page
	Programs string
	Lives    []drawnPair
	Rest     int // pairs that are not drawn
}

type drawnPair struct {
	Heading, Words string
	Open           bool // whether its picture is shown at once
	Picture        template.HTML
}

// WritePairsHTML writes a self-contained page with a picture of both ends of each connection.
func WritePairsHTML(w io.Writer, p Pairs) error {
	programs := p.Client.File.Header.Program + " and " + p.Server.File.Header.Program
	out := pairPage{page: newPage("Both ends of " + count(p.Count(), "connection", "connections")), Programs: programs}
	out.Style += template.CSS(sequence.Style)
	out.Policy = "default-src 'none'; style-src " + digest(string(out.Style))
	for i := range p.pairs {
		if i == maxPictures {
			out.Rest = len(p.pairs) - i
			break
		}
		one := &p.pairs[i]
		out.Lives = append(out.Lives, drawnPair{pairHeading(one), one.Words(), i < 3, template.HTML(one.SVG())})
	}
	return pairTemplate.Execute(w, out)
}
