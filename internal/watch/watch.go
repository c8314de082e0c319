// Package watch monitors many echo services continuously. A name can stand for all
// addresses that it resolves to: addresses are added and removed as the answers of the
// resolver change.
//
// Package ping sends the probes. Which addresses of a name are monitored (members, in
// members.go), and when an address counts as up or down (outage, in address.go), is
// decided without I/O.
package watch

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"echod/internal/dial"
	"echod/internal/endpoint"
	"echod/internal/ping"
	"echod/internal/usage"
)

// Config says what is monitored, and how.
type Config struct {
	Targets []Target // at the start; a target that is given twice is monitored once

	Interval  time.Duration // between two probes of an address
	Timeout   time.Duration // timeout of a whole answer; also of a connection
	Size      int           // bytes of a probe
	Reconnect bool          // a new connection for each probe
	DownAfter int           // consecutive lost probes that make an address down, see ping.Probe.SameFailure; 0: DefaultDownAfter
	Sample    int           // addresses that are probed in each Interval, of all targets; 0: all. See sampler
	Seed      uint64        // of the order in which they are probed; 0: a random one
	Resolve   time.Duration // between two look-ups of a name, more or less by a tenth
	Keep      time.Duration // how long an address that does not answer is monitored after it left the answers

	// MaxAddresses limits the addresses that are monitored at once, and so the memory
	// for them. The addresses beyond it are logged and not monitored.
	MaxAddresses int

	// OnChange is called when an address has gone up or down, unless it is nil: for each
	// address one call at a time, which ends when ctx does, and at most MaxCalls.
	OnChange func(ctx context.Context, t Transition) error

	Lookup Lookup // nil: the system's resolver
	// Dial makes the connections; nil: package net.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Spread returns a delay from 0 to less than its argument, so that probes of
	// different addresses are sent at different times. Nil: a random delay.
	Spread func(time.Duration) time.Duration

	Log *slog.Logger
}

// MinInterval is the least Config.Interval. The least Config.Resolve is that of package ping.
const MinInterval = 10 * time.Millisecond

// Check reports whether c is valid. The error is a *usage.Error.
func (c Config) Check() error {
	switch {
	case c.Interval < MinInterval:
		return usage.New(fmt.Sprintf("interval %v", c.Interval), fmt.Sprintf("want at least %v", MinInterval))
	case c.Sample < 0:
		return usage.New(fmt.Sprintf("a sample of %d addresses", c.Sample), "want at least 1, or 0 for all")
	case c.Resolve < ping.MinResolve:
		return usage.New(fmt.Sprintf("resolve interval %v", c.Resolve), fmt.Sprintf("want at least %v", ping.MinResolve))
	}
	if err := c.CheckTarget(Target{}); err != nil {
		return err
	}
	return c.checkTargets(c.Targets)
}

// checkTargets reports whether targets can be monitored, with at least one address of
// each.
func (c Config) checkTargets(targets []Target) error {
	if n := len(targets); n > c.MaxAddresses {
		return usage.New(fmt.Sprintf("%d targets", n), fmt.Sprintf("at most %d addresses can be monitored at once", c.MaxAddresses))
	}
	seen := make(map[string]Target, len(targets))
	for _, t := range targets {
		if err := c.CheckTarget(t); err != nil {
			return err
		}
		if other, ok := seen[t.URL]; ok && !sameTarget(t, other) {
			return usage.New(t.URL+" is given twice with different labels or settings", "want it once")
		}
		seen[t.URL] = t
	}
	return nil
}

// CheckTarget reports whether a target can be monitored. The error is a *usage.Error.
func (c Config) CheckTarget(t Target) error {
	if t.Interval != 0 && t.Interval < MinInterval {
		return usage.New(fmt.Sprintf("interval %v", t.Interval), fmt.Sprintf("want at least %v", MinInterval))
	}
	if t.Interval != 0 && c.Sample != 0 {
		return usage.New("an interval of a target with a sample", "all targets have the same interval then")
	}
	return c.ping(t, t.Dial).Check()
}

// ping returns the configuration of the probes to one address of t.
func (c Config) ping(t Target, to dial.Target) ping.Config {
	return ping.Config{Target: to, Interval: cmp.Or(t.Interval, c.Interval), Timeout: cmp.Or(t.Timeout, c.Timeout), Size: cmp.Or(t.Size, c.Size), Reconnect: c.Reconnect,
		Resolve: c.Resolve, RenewAfter: c.DownAfter}
}

// prober returns the Prober of a, which is an address of t.
func (w *Watcher) prober(t Target, a *address) (*ping.Prober, error) {
	c := w.config
	to := t.at(a.name)
	if c.Dial != nil {
		to.Via = func(ctx context.Context) (net.Conn, error) {
			return c.Dial(ctx, endpoint.Transport(to.Network), a.name)
		}
	}
	probing := c.ping(t, to)
	probing.OnProbe, probing.OnConn = a.probe, a.conn
	if a.sampled != nil {
		probing.Turn = a.sampled.turn
	}
	probing.OnPause = func(p ping.Pause) { a.pause(p); w.logPause(p) }
	return ping.New(probing)
}
