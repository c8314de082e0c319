package check

import "errors"

var concurrency = Rule{
	ID:       "stream/concurrency",
	Networks: streams,
	Sends:    "from 5, then from 100 clients at once, different bytes each, while one more client is owed bytes and does not read",
	Expects:  "its own bytes for each client",
	Meaning:  "Clients disturb each other: a stalled one blocks the rest, bytes are mixed up, or connections run out.",
	Causes: []Cause{
		{[]Class{Timeout},
			"more clients at once than the accept queue holds, so that some are never accepted (socat's backlog is 5); or clients served one after another",
			"increase the backlog (socat: backlog=128; the limit is sysctl net.core.somaxconn); serve each connection independently of the others"},
		{[]Class{Refused, Reset},
			"a limit on connections or descriptors",
			"raise the limit (ulimit -n); if it is intended, lower --conns"},
	},
	stage: crowd,
	run:   runConcurrency,
}

func runConcurrency(p *probe) error {
	stalled, err := p.open()
	if err != nil {
		return err
	}
	defer stalled.abort()
	stalled.shrinkBuffer()
	// A server that resets this one for not reading breaks another rule.
	stalled.fill(p.payload(0), mostOwed, standstill)
	for _, n := range []int{min(5, p.Conns), p.Conns} {
		if err := runClients(p, n); err != nil {
			return inCase(count(n, "client", "clients"), err)
		}
	}
	return nil
}

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
	if err != nil {
		return err
	}
	return atOnce(n, func(i int) error {
		out, back := p.payload(i+1), p.payload(i+1)
		for range 4 {
			if err := clients[i].exchange(out, back, 4<<10); err != nil {
				return err
			}
		}
		return nil
	})
}

// connectFailure turns the error of a connect into a failure: in other rules such an
// error is inconclusive, but this rule checks the number of connections. A shortage of
// this machine stays an error.
func connectFailure(err error) error {
	switch class := classify(err); class {
	case Refused, Reset, Timeout, PrematureEOF, TLS:
		return fail(class, "a connection could not be made: %v", errors.Unwrap(err))
	}
	return err
}
