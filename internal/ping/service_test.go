package ping_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"echod/internal/dial"
	"echod/internal/ping"
)

// service is a service in the test, over pipes. One write there is one read here, like with
// datagrams. Writes to it never block.
type service struct {
	t     *testing.T
	wg    sync.WaitGroup
	mu    sync.Mutex
	dials []time.Duration // when, from the beginning of the test
	began time.Time
	serve func(n int, c *serviceConn) // connection n, from 1 on
	// refuse, if set, may refuse connection n.
	refuse func(n int) error
}

// newService is called inside the bubble of synctest.Test.
func newService(t *testing.T, serve func(n int, c *serviceConn)) *service {
	return &service{t: t, began: time.Now(), serve: serve}
}

// target returns the URL of the service on a network other than tls.
func (f *service) target(network string) ping.Target {
	return ping.Target{Network: network, Address: "echo:7", Via: f.dial}
}

func (f *service) dial(context.Context) (net.Conn, error) {
	f.mu.Lock()
	f.dials = append(f.dials, time.Since(f.began))
	n := len(f.dials)
	f.mu.Unlock()
	if f.refuse != nil {
		if err := f.refuse(n); err != nil {
			return nil, err
		}
	}
	here, there := net.Pipe()
	c := &serviceConn{Conn: there, in: make(chan []byte, 10000)}
	go c.receive()
	f.wg.Go(func() {
		defer there.Close()
		f.serve(n, c)
	})
	return here, nil
}

// run sends probes until the Prober and the service have ended.
func (f *service) run(ctx context.Context, c ping.Config) {
	f.t.Helper()
	prober, err := ping.New(c)
	if err != nil {
		f.t.Fatal(err)
	}
	prober.Run(ctx)
	f.wg.Wait()
}

// serviceConn is the service's end of a connection.
type serviceConn struct {
	net.Conn
	in chan []byte // closed when the prober has closed the connection
}

func (c *serviceConn) receive() {
	defer close(c.in)
	for {
		p := make([]byte, 1<<16)
		n, err := c.Read(p)
		if err != nil {
			return
		}
		c.in <- p[:n]
	}
}

// echo answers everything.
func (c *serviceConn) echo() {
	for p := range c.in {
		c.Write(p)
	}
}

// line returns an event in one line. The RTT is 0, and omitted, if time stands still: in
// a bubble without a sleep.
func line(p ping.Probe) string {
	words := fmt.Sprintf("%s %d", p.Fate, p.Seq)
	if p.RTT > 0 {
		words += fmt.Sprintf(" in %v", p.RTT)
	}
	if p.Reordered {
		words += " reordered"
	}
	if p.Class != "" {
		words += fmt.Sprintf(": %s", p.Class)
	}
	return words
}

func (t *events) lines() []string {
	var all []string
	for _, p := range t.probes {
		all = append(all, line(p))
	}
	return all
}

func (t *events) connLines() []string {
	var all []string
	for _, l := range t.conns {
		words := map[bool]dial.Class{true: "up", false: l.Class}[l.Up]
		if l.Stale {
			words = "stale"
		}
		if l.Down > 0 {
			words += dial.Class(fmt.Sprintf(" after %v", l.Down))
		}
		all = append(all, string(words))
	}
	return all
}
