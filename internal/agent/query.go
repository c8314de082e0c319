package agent

import (
	"io"
	"net"
	"time"
)

// MaxWait is the longest wait that a REPORT may ask for.
const MaxWait = 10 * time.Minute

// query returns the answer to HELLO, REPORT or COUNT.
func (c *caller) query(r request) (any, error) {
	switch r.verb {
	case verbHello:
		return Hello{c.server.scenarioNames(), c.server.Limits.delay().Milliseconds()}, r.only()
	case verbReport:
		return c.report(r)
	case verbCount:
		return c.count(r)
	}
	return nil, refuse(unknown, "%s", r.quote(r.verb))
}

// Hello is what an agent says of itself.
type Hello struct {
	Scenarios  []string `json:"scenarios"`
	MaxDelayMS int64    `json:"max_delay_ms"` // the longest delay that it allows
}

type counted struct {
	Open int `json:"open"`
}

func (c *caller) count(r request) (any, error) {
	if err := r.only("group"); err != nil {
		return nil, err
	}
	group, err := r.name("group")
	if err != nil {
		return nil, err
	}
	return counted{c.server.runs.count(group)}, nil
}

// report returns the report of a run, after waiting for its end for as long as r
// asks for, but no longer than the client stays.
func (c *caller) report(r request) (any, error) {
	if err := r.only("id", "wait"); err != nil {
		return nil, err
	}
	id, err := r.name("id")
	if err != nil {
		return nil, err
	}
	ms, err := r.number("wait", MaxWait.Milliseconds())
	if err != nil {
		return nil, err
	}
	found, err := c.server.runs.find(id)
	if err != nil {
		return nil, err
	}
	if wait := time.Duration(ms) * time.Millisecond; wait > 0 && !found.isOver() {
		if err := c.wait(found, min(wait, c.server.Limits.Time)); err != nil {
			return nil, err
		}
	}
	return found.snapshot(), nil
}

// wait waits for the end of a run, for d at most. It ends early when the client
// leaves, for which a FIN is taken, and when the agent closes the connection
// because it ends itself. Waiting connections have places of their own and take
// none from newcomers.
func (c *caller) wait(found *run, d time.Duration) error {
	select {
	case c.server.waits <- struct{}{}:
		defer func() { <-c.server.waits }()
	default:
		return refuse(busy, "%d requests that wait are its limit; ask again later, or without wait", cap(c.server.waits))
	}
	if !c.server.newcomers.remove(c.place) {
		return net.ErrClosed
	}
	defer func() { c.place = c.server.newcomers.add(c.conn, true) }()
	c.conn.SetReadDeadline(time.Time{})
	left := make(chan struct{})
	go func() {
		defer close(left)
		io.CopyN(io.Discard, c.in, maxDiscarded)
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-found.done:
	case <-timer.C:
	case <-left:
	}
	c.conn.SetReadDeadline(time.Unix(1, 0)) // ends the goroutine
	<-left
	return nil
}
