package sequence

import (
	"fmt"
	"math"
	"time"

	"echod/internal/trace"
)

// Pair is a connection of which both ends were traced.
type Pair struct {
	Client, Server *Life
	// Low and High are the bounds of what is added to a time of the client's trace to get that of
	// the server's trace. Whatever was sent began to be sent before it was received: each byte, the
	// connect and the FIN. So the bounds hold for all clocks that do not drift during the trace.
	Low, High time.Duration
	// Clocks is how far the server's clock is ahead of the client's if the two traces begin at their
	// zero: the difference of their starts.
	Clocks time.Duration
}

const (
	noLow  = time.Duration(math.MinInt64 / 4)
	noHigh = time.Duration(math.MaxInt64 / 4)
)

// Match returns the connections that are in both traces: the address of the client's end is that of
// the server's peer. A path that changes addresses, e.g. a NAT or a proxy, leaves none. If the two
// traces do not have the same number of connections with an address, those are omitted.
func Match(client, server *trace.File) (pairs []Pair) {
	byPeer, count := map[string][]*Life{}, map[string]int{}
	for _, l := range Lives(server) {
		byPeer[l.Peer] = append(byPeer[l.Peer], l)
	}
	clients := Lives(client)
	for _, l := range clients {
		count[l.Local]++
	}
	low, high := noLow, noHigh // of all connections together
	for _, l := range clients {
		peers := byPeer[l.Local]
		if l.Local == "" || len(peers) == 0 || len(peers)+seen(pairs, l.Local) != count[l.Local] {
			continue
		}
		p := Pair{Client: l, Server: peers[0], Clocks: server.Header.Start.Sub(client.Header.Start)}
		byPeer[l.Local] = peers[1:]
		p.bound()
		low, high = max(low, p.Low), min(high, p.High)
		pairs = append(pairs, p)
	}
	for i := range pairs { // an end that has sent nothing bounds one side only
		if p := &pairs[i]; low <= high && (p.Low == noLow || p.High == noHigh) {
			p.Low, p.High = low, high
		}
	}
	return pairs
}

// seen returns how many pairs have that address of the client.
func seen(pairs []Pair, local string) (n int) {
	for _, p := range pairs {
		if p.Client.Local == local {
			n++
		}
	}
	return n
}

// bound sets Low and High from what the two ends of this connection did.
func (p *Pair) bound() {
	p.Low, p.High = noLow, noHigh
	if c, s := p.Client.first(trace.Connect), p.Server.first(trace.Accept); c != nil && s != nil {
		p.High = min(p.High, p.Server.end(s)-p.Client.start(c))
	}
	if p.Client.whole() && p.Server.whole() {
		for _, m := range moves(p.Client, p.Server) {
			p.High = min(p.High, p.Server.end(m.received)-p.Client.start(m.sent))
		}
		for _, m := range moves(p.Server, p.Client) {
			p.Low = max(p.Low, p.Server.start(m.sent)-p.Client.end(m.received))
		}
	}
	if from, to := p.Client.finish(), p.Server.endOfStream(); from != nil && to != nil {
		p.High = min(p.High, p.Server.end(to)-p.Client.start(from))
	}
	if from, to := p.Server.finish(), p.Client.endOfStream(); from != nil && to != nil {
		p.Low = max(p.Low, p.Server.start(from)-p.Client.end(to))
	}
}

// Aligned reports whether the two ends can be drawn on one time axis.
func (p *Pair) Aligned() bool { return p.Low <= p.High && p.Low != noLow && p.High != noHigh }

// Offset returns the middle of the bounds, and half of their distance.
func (p *Pair) Offset() (middle, uncertainty time.Duration) {
	return p.Low + (p.High-p.Low)/2, (p.High - p.Low + 1) / 2
}

// Words says how the clocks were aligned, or why they could not be.
func (p *Pair) Words() string {
	switch {
	case p.Low > p.High:
		return "the ends cannot be aligned: with each offset of the clocks, something arrives before it is sent; are these two traces of one run?"
	case !p.Aligned():
		return "the ends cannot be aligned: no bytes crossed in both directions"
	}
	middle, uncertainty := p.Offset()
	ahead := middle + p.Clocks
	word := "ahead of"
	if ahead < 0 {
		ahead, word = -ahead, "behind"
	}
	return fmt.Sprintf("the server's clock is %s %s the client's, ±%s", trace.Short(ahead), word, trace.Short(uncertainty))
}

// start and end return when a call of the life began and returned, in the time of its trace.
func (l *Life) start(s *Step) time.Duration { return s.Time }
func (l *Life) end(s *Step) time.Duration   { return s.Time + s.Took }

// first returns the first step, if it has that op; else nil.
func (l *Life) first(op trace.Op) *Step {
	if len(l.Steps) > 0 && l.Steps[0].Op == op {
		return &l.Steps[0]
	}
	return nil
}

// whole reports whether no step is missing, so that bytes can be counted.
func (l *Life) whole() bool {
	for i := range l.Steps {
		if l.Steps[i].Op == trace.Omitted {
			return false
		}
	}
	return l.Lost == 0 && len(l.Steps) > 0 && (l.Steps[0].Op == trace.Connect || l.Steps[0].Op == trace.Accept)
}

// finish returns the first call that ends this end's direction in an orderly way; nil if there is none.
func (l *Life) finish() *Step {
	for i := range l.Steps {
		if s := &l.Steps[i]; s.Errno == "" && (s.Finished || s.Op == trace.CloseNotify) {
			return s
		}
	}
	return nil
}

// endOfStream returns the call that received the end of the stream; nil if there is none.
func (l *Life) endOfStream() *Step {
	for i := range l.Steps {
		if s := &l.Steps[i]; s.Op == trace.Receive && s.N == 0 && s.Asked > 0 && s.Errno == "" {
			return s
		}
	}
	return nil
}

// move is a number of bytes that one call sent and another received.
type move struct {
	sent, received *Step
	bytes          int64
}

// moves returns which bytes that from has sent were received by which calls of to.
func moves(from, to *Life) (all []move) {
	sender, left := 0, int64(0) // bytes of the sending step that were not received yet
	for i := range to.Steps {
		r := &to.Steps[i]
		if r.Op != trace.Receive {
			continue
		}
		for n := int64(max(r.N, 0)); n > 0; {
			for left == 0 {
				if sender == len(from.Steps) {
					return all
				}
				if s := &from.Steps[sender]; s.Op == trace.Send {
					left = int64(max(s.N, 0))
				}
				sender++
			}
			part := min(n, left)
			all = append(all, move{&from.Steps[sender-1], r, part})
			n, left = n-part, left-part
		}
	}
	return all
}
