package check

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

var concurrency = Rule{
	ID:       "stream/concurrency",
	Networks: streams,
	Sends:    "from 5, then from 100 clients at once, different bytes each, while one more client is owed bytes and does not read",
	Expects:  "its own bytes for each client",
	Meaning:  "Clients disturb each other: a stalled one blocks the rest, bytes are mixed up, or connections run out.",
	Causes: []Cause{
		{
			Evidence: []Evidence{StalledPeer},
			Meaning:  "A client that does not read blocks the others.",
			Text:     "a loop or a thread that serves several connections, and blocks in writing to the one that does not read",
			Remedy:   "make the sockets non-blocking, or serve each connection in a thread of its own",
		},
		{
			Classes:  []Class{Timeout, Refused, Reset, PrematureEOF},
			Evidence: []Evidence{ConnectionLimit},
			Meaning:  "Connections run out: further ones work only when others have ended.",
			Text:     "a limit on the connections of the server or of a proxy (maxconn, descriptors), or a NAT that has used up its ports or its table",
			Remedy:   "raise the limit (ulimit -n, maxconn; for a NAT more addresses or ports, sysctl net.netfilter.nf_conntrack_max); if it is intended, lower --conns",
		},
		{
			Classes:  []Class{Timeout, Refused, Reset, PrematureEOF},
			Evidence: []Evidence{Burst, Connecting},
			Meaning:  "Clients that connect at the same moment are not all accepted.",
			Text:     "more connects at once than the accept queue holds (socat's backlog is 5), a limit on the rate of new connections, or a NAT whose few ports are still held by connections that have ended",
			Remedy:   "increase the backlog (socat: backlog=128; the limit is sysctl net.core.somaxconn), raise the limit on the rate, or give the NAT more ports or addresses",
		},
		{
			Classes: []Class{Timeout},
			Text:    "clients served one after another, so that some are never accepted while others are connected",
			Remedy:  "serve each connection independently of the others; if a proxy does it, increase its number of workers",
		},
		{
			Classes: []Class{Refused, Reset},
			Text:    "a limit on connections or descriptors",
			Remedy:  "raise the limit (ulimit -n); if it is intended, lower --conns",
		},
	},
	stage: crowd,
	run:   runConcurrency,
}

func runConcurrency(p *probe) error {
	stalled, err := p.open()
	if err != nil {
		return err
	}
	defer func() { stalled.abort() }()
	// A server that resets this one for not reading breaks another rule.
	stalled.owe(p, p.standstill())
	for _, n := range []int{min(few, p.Conns), p.Conns} {
		start := time.Now()
		err := runClients(p, n)
		if err == nil && stalled.lastMoved().After(start) {
			err = runClients(p, n) // the server had not stalled yet
		}
		if f, ok := errors.AsType[*failure](err); ok && f.class == Timeout && f.evidence != Burst {
			stalled.abort()
			if runClients(p, n) == nil {
				f.evidence = StalledPeer
				f.detail += "; the same succeeds without the client that reads nothing"
			}
		}
		if f, ok := errors.AsType[*failure](err); ok && (f.evidence == ConnectionLimit || broken(f.class) && f.offset <= 0) {
			stalled.abort()
			if limit := mostConnections(p, n); limit > 0 && limit < n {
				f.evidence = ConnectionLimit
				f.detail += fmt.Sprintf("; the path takes at most %s at once, besides any that it still holds for clients that have left",
					count(limit, "connection", "connections"))
			}
		}
		if err != nil {
			return inCase(count(n, "client", "clients"), err)
		}
	}
	return nil
}

// mostConnections opens up to n connections, one after another, and returns how many of
// them work at once; 0 if the budget ends before. Those that were open before take a moment
// to end, so one that does not work is tried again up to mostRetries times.
func mostConnections(p *probe, n int) int {
	const mostRetries = 3
	p.pause(500 * time.Millisecond)
	short := *p
	short.Timeout = min(p.Timeout, max(time.Second, 4*p.path.RoundTrip))
	for works, retries := 0, 0; works < n; {
		s, err := short.open()
		if err == nil {
			err = s.exchange(p.payload(works), p.payload(works), 1) // closes it if it fails
		}
		switch {
		case p.ctx.Err() != nil:
			return 0
		case err == nil:
			defer s.Close()
			works, retries = works+1, 0
		case retries == mostRetries:
			return works
		default:
			retries++
			p.pause(500 * time.Millisecond)
		}
	}
	return n
}

// few is how many clients begin.
const few = 5

// rounds is how many messages each client exchanges.
const rounds = 4

// runClients connects n clients, and when all are connected exchanges bytes on all at
// once.
func runClients(p *probe, n int) error {
	clients := make([]*stream, n)
	defer func() {
		for _, s := range clients {
			if s != nil {
				s.Close()
			}
		}
	}()
	err := atOnce(n, func(i int) error {
		s, err := p.open()
		clients[i] = s
		return connectFailure(err)
	})
	if f, ok := errors.AsType[*failure](err); ok {
		f.decided = !ended(p.ctx)
		tryOneMore(p, f)
	}
	if err != nil {
		return err
	}
	// All clients together send no more at once than the path carries in a second. But a few
	// send enough to meet a fault some kilobytes into a stream, on every path.
	least, most := int64(16), int64(4<<10)
	if n <= few {
		least = 3 << 9
	}
	piece := int(p.path.carries(time.Second/time.Duration(n), least, most))
	err = atOnce(n, func(i int) error {
		out, back := p.payload(i+1), p.payload(i+1)
		for range rounds {
			if err := clients[i].exchange(out, back, piece); err != nil {
				return err
			}
		}
		return nil
	})
	f, ok := errors.AsType[*failure](err)
	if ok {
		f.decided = !ended(p.ctx)
	}
	switch {
	case !ok || f.class != Timeout:
	case stillMoving(clients, int64(rounds*piece)):
		return tooSlow
	case slices.ContainsFunc(clients, func(s *stream) bool { return s.received == int64(rounds*piece) }):
		tryOneMore(p, f) // some are served, others are not
		if f.evidence == Burst && int64(piece) < most {
			// The queue of a slow path drops packets, and who lost several waits for seconds.
			return tooSlow
		}
	}
	return err
}

// tooSlow is the error if all clients progress, and not all within the timeout.
const tooSlow = skipped("inconclusive: the path is too slow for this number of clients at once: increase --timeout, or lower --conns")

// tryOneMore finds out, after some of many connections failed, whether one more connection
// works while the others are open. It changes nothing if the budget ends before.
func tryOneMore(p *probe, f *failure) {
	short := *p
	short.Timeout = min(p.Timeout, max(2*time.Second, 4*p.path.RoundTrip)) // a SYN that is lost is sent again after 1 s
	p = &short
	s, err := p.open()
	if err == nil {
		defer s.Close()
		err = s.exchange(p.payload(0), p.payload(0), 1)
	}
	switch {
	case p.ctx.Err() != nil:
	case err == nil:
		f.evidence = Burst
		f.detail += "; one more connection a moment later works"
	default:
		f.evidence = ConnectionLimit
		f.detail += "; while the others are open, no further connection works"
	}
}

// stillMoving reports whether all clients are slow: some client received bytes in the last
// part of the time in which another one waited in vain for the timeout, and none had all
// of its bytes, want of them, early. If one had, the path is fast, and those that wait are not served.
func stillMoving(clients []*stream, want int64) bool {
	first, last := clients[0].arrived, clients[0].arrived
	for _, s := range clients {
		if s.arrived.Before(first) {
			first = s.arrived
		}
		if s.arrived.After(last) {
			last = s.arrived
		}
	}
	soon := first.Add(clients[0].timeout / 2)
	early := func(s *stream) bool { return s.received == want && s.arrived.Before(soon) }
	return last.After(soon) && !slices.ContainsFunc(clients, early)
}

// connectFailure turns the error of a connect into a failure: in other rules such an
// error is inconclusive, but this rule checks the number of connections. A shortage of
// this machine stays an error.
func connectFailure(err error) error {
	switch class := classify(err); class {
	case Refused, Reset, Timeout, PrematureEOF, TLS:
		f := fail(class, "a connection could not be made: %s", plainText(errors.Unwrap(err)))
		f.evidence = Connecting
		return f
	}
	return err
}
