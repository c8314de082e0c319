package watch

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"echod/internal/dial"
	"echod/internal/ping"
	"echod/internal/usage"
)

// Config says what is watched, and how.
type Config struct {
	Targets []Target // from the beginning; one that is given twice counts once

	Interval  time.Duration // from one probe of an address to the next
	Wait      time.Duration // for a whole answer, and as long again for a connection
	Size      int           // bytes of a probe
	Reconnect bool          // a connection for each probe
	DownAfter int           // lost probes in a row that make an address down; 0: DefaultDownAfter
	Resolve   time.Duration // from one look-up of a name to the next, a tenth more or less

	// MaxAddresses bounds what is asked at once, and so the memory that it takes:
	// what is beyond that is left out, and said so.
	MaxAddresses int

	Lookup Lookup // nil asks the system's resolver
	// Dial makes the connections; nil leaves that to the net package.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Spread draws from 0 up to its argument, so that not all is done at once. Nil
	// draws at random.
	Spread func(time.Duration) time.Duration

	Log *slog.Logger
}

// The bounds of a Config.
const (
	MinInterval = 10 * time.Millisecond
	MinResolve  = 100 * time.Millisecond
)

// Check reports whether c can be carried out. The error is a *usage.Error.
func (c Config) Check() error {
	switch {
	case c.Interval < MinInterval:
		return usage.New(fmt.Sprintf("a probe each %v", c.Interval), fmt.Sprintf("leave at least %v between them", MinInterval))
	case c.Resolve < MinResolve:
		return usage.New(fmt.Sprintf("a look-up each %v", c.Resolve), fmt.Sprintf("leave at least %v between them", MinResolve))
	}
	if err := c.probing(dial.Target{}).Check(); err != nil {
		return err
	}
	return c.checkTargets(c.Targets)
}

// checkTargets reports whether these can be watched, an address of each at least.
func (c Config) checkTargets(targets []Target) error {
	if n := len(targets); n > c.MaxAddresses {
		return usage.New(fmt.Sprintf("%d targets", n), fmt.Sprintf("at most %d addresses are asked at once", c.MaxAddresses))
	}
	for _, t := range targets {
		if err := c.probing(t.Dial).Check(); err != nil {
			return err
		}
	}
	return nil
}

// probing is how one address is asked.
func (c Config) probing(to dial.Target) ping.Config {
	return ping.Config{Target: to, Interval: c.Interval, Wait: c.Wait, Size: c.Size, Reconnect: c.Reconnect}
}

// prober asks a, which is an address of t.
func (c Config) prober(t Target, a *address) (*ping.Prober, error) {
	to := t.at(a.name)
	if c.Dial != nil {
		network := to.Network
		if network == "tls" {
			network = "tcp"
		}
		to.Via = func(ctx context.Context) (net.Conn, error) { return c.Dial(ctx, network, a.name) }
	}
	probing := c.probing(to)
	probing.OnProbe, probing.OnConn = a.probe, a.conn
	return ping.New(probing)
}
