package sequence

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"echod/internal/trace"
)

// wire is a connection in a test: what two ends do, on one true clock, and the traces that two
// machines with other clocks make of it.
type wire struct {
	now            time.Duration
	client, server []trace.Record
}

func (w *wire) record(to *[]trace.Record, begin, end time.Duration, rec trace.Record) {
	rec.Time, rec.Took, rec.Conn = begin, end-begin, 1
	*to = append(*to, rec)
}

// traces returns what both record if the server's trace begins ahead of the client's by offset.
func (w *wire) traces(offset time.Duration) (client, server *trace.File) {
	start := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	client = &trace.File{Header: trace.Header{Side: trace.Client, Start: start}, Records: w.client}
	server = &trace.File{Header: trace.Header{Side: trace.Server, Start: start}}
	for _, rec := range w.server {
		rec.Time += offset
		server.Records = append(server.Records, rec)
	}
	return client, server
}

// drawWire makes a connection with random messages, delays and pieces.
func drawWire(t *rapid.T) *wire {
	w := &wire{}
	delay := func(name string) time.Duration { return time.Duration(rapid.Int64Range(0, 1e9).Draw(t, name)) }
	began := w.now
	accepted := began + delay("syn") + delay("accept")
	w.record(&w.client, began, accepted+delay("syn-ack"), trace.Record{Op: trace.Connect, Local: "10.0.0.1:5001"})
	w.record(&w.server, accepted-delay("accept began"), accepted, trace.Record{Op: trace.Accept, Peer: "10.0.0.1:5001"})
	w.now = accepted + 3e9
	for range rapid.IntRange(0, 5).Draw(t, "exchanges") {
		for _, way := range []struct{ from, to *[]trace.Record }{{&w.client, &w.server}, {&w.server, &w.client}} {
			n := rapid.IntRange(1, 100).Draw(t, "bytes")
			first := rapid.IntRange(0, n).Draw(t, "in the first call")
			var sent [2]time.Duration // when the calls began
			for i, part := range []int{first, n - first} {
				if sent[i] = w.now; part > 0 { // it may return long after the bytes have arrived
					w.record(way.from, w.now, w.now+delay("send took")*10, trace.Record{Op: trace.Send, N: part, Asked: part})
					w.now += delay("between")
				}
			}
			split := rapid.IntRange(1, n).Draw(t, "received first")
			end := sent[0]
			for i, part := range []int{split, n - split} {
				if part > 0 {
					if i == 1 || split > first { // it has bytes of the second call
						end = max(end, sent[1])
					}
					end += delay("transit")
					w.record(way.to, end-delay("receive took")*10, end, trace.Record{Op: trace.Receive, N: part, Asked: 200})
				}
			}
			w.now = max(w.now, end)
		}
	}
	if rapid.Bool().Draw(t, "finishes") {
		w.record(&w.client, w.now, w.now+1, trace.Record{Op: trace.Shutdown})
		w.now += delay("FIN")
		w.record(&w.server, w.now, w.now, trace.Record{Op: trace.Receive, Asked: 200})
		w.record(&w.server, w.now, w.now, trace.Record{Op: trace.LingerOff})
		w.record(&w.server, w.now, w.now, trace.Record{Op: trace.Close})
		w.now += delay("FIN back")
		w.record(&w.client, w.now, w.now, trace.Record{Op: trace.Receive, Asked: 200})
	}
	return w
}

// Whatever the network and the programs delay, the true offset of the clocks is within the bounds, and
// an arrow never goes back in time.
func TestTrueOffsetIsWithinTheBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWire(t)
		offset := time.Duration(rapid.Int64Range(-int64(48*time.Hour), int64(48*time.Hour)).Draw(t, "offset"))
		pairs := Match(w.traces(offset))
		if len(pairs) != 1 {
			t.Fatalf("got %d pairs, want 1", len(pairs))
		}
		p := pairs[0]
		if offset < p.Low || offset > p.High {
			t.Fatalf("got an offset from %v to %v, want %v within them", p.Low, p.High, offset)
		}
		if !p.Aligned() {
			return
		}
		if middle, uncertainty := p.Offset(); offset < middle-uncertainty || offset > middle+uncertainty {
			t.Fatalf("got %v ± %v, want %v within it", middle, uncertainty, offset)
		}
		at := map[*Step]time.Duration{}
		for _, r := range p.rows() {
			at[r.step] = r.at
		}
		for _, m := range append(moves(p.Client, p.Server), moves(p.Server, p.Client)...) {
			if at[m.received] < at[m.sent] {
				t.Fatalf("bytes sent at %v are drawn as received at %v", at[m.sent], at[m.received])
			}
		}
	})
}

// The picture has an arrow for each part of each message, and one that ends in the network for what
// was not received.
func TestPairDrawsWhatBothTracesHave(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	w := &wire{}
	w.record(&w.client, 0, ms(2), trace.Record{Op: trace.Connect, Local: "10.0.0.1:5001"})
	w.record(&w.server, ms(1), ms(1), trace.Record{Op: trace.Accept, Peer: "10.0.0.1:5001"})
	w.record(&w.client, ms(3), ms(3), trace.Record{Op: trace.Send, N: 10, Asked: 10})
	w.record(&w.server, ms(4), ms(4), trace.Record{Op: trace.Receive, N: 6, Asked: 6})
	w.record(&w.server, ms(5), ms(5), trace.Record{Op: trace.Send, N: 6, Asked: 6})
	w.record(&w.client, ms(6), ms(6), trace.Record{Op: trace.Receive, N: 6, Asked: 10})
	w.record(&w.client, ms(7), ms(7), trace.Record{Op: trace.Shutdown})
	pairs := Match(w.traces(5 * time.Hour))
	p := &pairs[0]
	if want := "the server's clock is 5h0m0s ahead of the client's, ±1ms"; p.Words() != want {
		t.Errorf("got %q, want %q", p.Words(), want)
	}
	svg := p.SVG()
	for label, want := range map[string]int{">6</text>": 2, ">4</text>": 1, ">10</text>": 0, ">FIN</text>": 1, ">RST</text>": 0, ">connect</text>": 1} {
		if got := strings.Count(svg, label); got != want {
			t.Errorf("%s: got %d, want %d", label, got, want)
		}
	}
	if got := strings.Count(svg, " head\""); got != 5 {
		t.Errorf("got %d arrows, want 5", got)
	}
}

func TestEndsThatDoNotFitAreNotAligned(t *testing.T) {
	w := &wire{}
	w.record(&w.client, 0, 2, trace.Record{Op: trace.Connect, Local: "a"})
	w.record(&w.server, 1, 1, trace.Record{Op: trace.Accept, Peer: "a"})
	w.record(&w.client, 10, 11, trace.Record{Op: trace.Send, N: 1, Asked: 1})
	w.record(&w.server, 12, 12, trace.Record{Op: trace.Receive, N: 1, Asked: 1})
	w.record(&w.server, 900, 900, trace.Record{Op: trace.Send, N: 1, Asked: 1}) // after it was received
	w.record(&w.client, 20, 20, trace.Record{Op: trace.Receive, N: 1, Asked: 1})
	p := Match(w.traces(0))[0]
	if p.Aligned() || p.SVG() != "" || !strings.Contains(p.Text(), "cannot be aligned: with each offset") {
		t.Errorf("got %s", p.Text())
	}
	w.client[0].Local = "b" // a NAT
	if pairs := Match(w.traces(0)); len(pairs) != 0 {
		t.Errorf("got %d pairs, want none", len(pairs))
	}
}

// A port that is used again belongs to two connections: they are matched in order, or not at all.
func TestPortThatIsUsedAgain(t *testing.T) {
	records := func(op trace.Op, n int) (all []trace.Record) {
		for i := range n {
			at := time.Duration(10 * i)
			all = append(all, trace.Record{Conn: i + 1, Time: at, Op: op, Local: "a", Peer: "a"}, trace.Record{Conn: i + 1, Time: at + 5, Op: trace.Close})
		}
		return all
	}
	client, server := &trace.File{Records: records(trace.Connect, 2)}, &trace.File{Records: records(trace.Accept, 2)}
	var got []string
	for _, p := range Match(client, server) {
		got = append(got, fmt.Sprint(p.Client.Number, p.Server.Number))
	}
	if want := []string{"1 1", "2 2"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	server.Records = server.Records[:2]
	if pairs := Match(client, server); len(pairs) != 0 {
		t.Errorf("got %d pairs of 2 and 1 connections, want none", len(pairs))
	}
}

// What was received in a step that is not shown has arrived, and the end of a long connection is shown.
func TestPictureOfALongPairLosesNothing(t *testing.T) {
	w := &wire{}
	call := func(to *[]trace.Record, rec trace.Record) {
		w.record(to, w.now, w.now+1000, rec)
		w.now += 2000
	}
	call(&w.client, trace.Record{Op: trace.Connect, Local: "10.0.0.1:5001"})
	call(&w.server, trace.Record{Op: trace.Accept, Peer: "10.0.0.1:5001"})
	for range MaxRows {
		for _, way := range []*[]trace.Record{&w.client, &w.server} {
			call(way, trace.Record{Op: trace.Send, N: 7, Asked: 7})
			call(way, trace.Record{Op: trace.Send, N: 7, Asked: 7})
			other := &w.client
			if way == other {
				other = &w.server
			}
			call(other, trace.Record{Op: trace.Receive, N: 14, Asked: 99})
		}
	}
	for _, way := range [][2]*[]trace.Record{{&w.client, &w.server}, {&w.server, &w.client}} {
		call(way[0], trace.Record{Op: trace.Shutdown})
		call(way[1], trace.Record{Op: trace.Receive, Asked: 99})
	}
	client, server := w.traces(0)
	const inTheNetwork = `H90"` // the end of an arrow
	picture := Match(client, server)[0].SVG()
	if n := strings.Count(picture, `class="arrow fin"`); n != 2 || strings.Contains(picture, inTheNetwork) || !strings.Contains(picture, ">606 steps are not shown<") {
		t.Errorf("got %d FINs, an arrow that ends in the network: %t; want 2, none, and a line for the 606 steps that are not shown", n, strings.Contains(picture, inTheNetwork))
	}

	client.Records = append(client.Records, trace.Record{Op: trace.Lost, N: 3})
	client.Records[len(client.Records)-1], client.Records[len(client.Records)-2] = client.Records[len(client.Records)-2], client.Records[len(client.Records)-1]
	picture = Match(client, server)[0].SVG()
	if strings.Contains(picture, inTheNetwork) || !strings.Contains(picture, "steps are missing in a trace: bytes") {
		t.Errorf("with steps that are lost: got an arrow that ends in the network: %t; want none, and a line that says why", strings.Contains(picture, inTheNetwork))
	}
}
