// Package ping sends probes to one echo service and reports what becomes of each: its
// round-trip time, or why it was lost. One clock cannot measure one direction: for that,
// the peer must stamp the probes, and OneWay compares its clock with that of this system.
//
// payload.go makes the bytes of probes. flights.go knows the probes in flight, without
// I/O. conn.go makes, reads and writes connections; link.go and renew.go decide when one is
// made and when it is replaced; attempt.go is a probe on a connection of its own. prober.go is
// the loop that sends, receive.go handles the answers, and pause.go what this process missed.
// oneway.go and clockfit.go compare two clocks.
package ping

import (
	"fmt"
	"time"

	"echod/internal/dial"
	"echod/internal/usage"
)

// Target is a service to which probes are sent.
type Target = dial.Target

// Config says which probes are sent, and who receives the results.
type Config struct {
	Target   Target
	Count    int           // probes; 0: until the context ends
	Interval time.Duration // between two probes
	Timeout  time.Duration // timeout of a whole answer; also of a connection
	Size     int           // bytes of a probe

	// Turn replaces the schedule, unless it is nil: a probe is due when a value is received.
	// Interval is only used to judge how long a connection is silent.
	Turn <-chan struct{}

	// Reconnect makes a new connection for each probe and measures each phase of it.
	// Without it, a connection is used until it breaks.
	Reconnect bool

	// Resolve is the time between two look-ups of the target's name. If the address in use
	// is no longer among its addresses, a new connection replaces the old one. 0: the name
	// is only looked up to connect.
	Resolve time.Duration
	// RenewAfter is how many consecutive lost datagrams mean that a new socket is tried,
	// after a new look-up. 0: DefaultRenewAfter.
	RenewAfter int

	// Stop, when it is closed, ends the sending. Nil: it never ends.
	Stop <-chan struct{}

	// OnProbe is called for each event of a probe. OnConn is called for each event of
	// the connection, unless Reconnect is set. OnPause is called when this process did not
	// run. Each may be nil. They are called by the goroutine of [Prober.Run], one at a time
	// and in the order of the events. No probe is sent while one of them runs.
	OnProbe func(Probe)
	OnConn  func(ConnEvent)
	OnPause func(Pause)
}

// The limits of a Config.
const (
	MinSize     = headerSize // enough to tell a probe from all others
	MaxSize     = 65507      // the largest payload of UDP over IPv4; also for streams
	MinInterval = time.Millisecond
	MinResolve  = 100 * time.Millisecond
	maxInFlight = 1 << 16
)

// DefaultRenewAfter is the default of Config.RenewAfter.
const DefaultRenewAfter = 3

// Check reports whether c is valid. The error is a *usage.Error.
func (c Config) Check() error {
	switch {
	case c.Count < 0:
		return usage.New(fmt.Sprintf("count %d", c.Count), "want a positive number, or 0 for no limit")
	case c.Interval < MinInterval:
		return usage.New(fmt.Sprintf("interval %v", c.Interval), fmt.Sprintf("want at least %v", MinInterval))
	case c.Timeout <= 0:
		return usage.New(fmt.Sprintf("timeout %v", c.Timeout), "want more than 0, e.g. 2s")
	case c.Size < MinSize || c.Size > MaxSize:
		return usage.New(fmt.Sprintf("size %d", c.Size), fmt.Sprintf("want %d to %d bytes", MinSize, MaxSize))
	case c.Timeout/c.Interval >= maxInFlight:
		return usage.New(fmt.Sprintf("timeout %v with interval %v", c.Timeout, c.Interval),
			fmt.Sprintf("at most %d probes can be in flight: use a shorter timeout or a longer interval", maxInFlight))
	case c.Target.Source.IsValid() && c.Target.Network == "unix":
		return usage.New("a source address for a unix socket", "omit it")
	}
	return nil
}

// MaxConns returns how many connections a Prober with Reconnect has at the same time at most:
// a probe has one for two timeouts, to connect and to wait for its answer.
func (c Config) MaxConns() int { return int(min(2*c.Timeout/c.Interval+1, maxAttempts)) }

// Fate is the result of a probe.
type Fate string

const (
	Answered   Fate = "answered"   // in time, and every byte is correct
	Lost       Fate = "lost"       // not answered correctly and in time
	Late       Fate = "late"       // answered after it was reported as lost; it still counts as lost
	Duplicated Fate = "duplicated" // answered again
	Foreign    Fate = "foreign"    // received, but no answer to a probe of this Prober

	paused Fate = "paused" // in flight in a Pause; it is not reported
)

// Probe is an event of a probe. The first event of each probe is [Answered] or [Lost].
// Others may follow.
type Probe struct {
	Fate Fate
	Seq  uint64        // from 1, in the order of sending; 0 if Foreign
	Sent time.Time     // zero if Foreign, or if there was no connection
	At   time.Time     // of the event
	RTT  time.Duration // from Sent to the last byte of the answer; 0 if there was none

	// Reordered means that a probe that was sent later was answered earlier (RFC
	// 4737, section 3.3). It is false for duplicates.
	Reordered bool

	// Phases are known if Config.Reconnect is set.
	Phases Phases

	// TTL is the TTL of the answer, or its hop limit, when it arrived. It is 0 if that is
	// not known: on a stream, and on systems other than Linux. See [Hops].
	TTL int
	// Stamps are the times at which the peer received the probe and answered it, if it has
	// said so: see [OneWay].
	Stamps dial.Stamps

	// Class and Err say why the probe was lost, or what is wrong with a later event,
	// e.g. with a duplicate. Class is "" if it is not known.
	Class dial.Class
	Err   error

	// SameFailure means that an earlier probe was lost for the same failure: the connection
	// of both broke, or the attempt to connect for which both waited failed.
	SameFailure bool
}

// Phases are the parts of a round trip on a new connection. A phase that was not
// needed or not reached is 0.
type Phases struct {
	DNS       time.Duration // the look-up of the name
	Connect   time.Duration // from the addresses to a connection, including failed attempts
	TLS       time.Duration // the handshake
	FirstByte time.Duration // from sending to the first byte of the answer

	// Retransmits is how many SYNs were sent again: each makes Connect longer, by 1 s, 2 s
	// and so on (RFC 6298). It is known on Linux.
	Retransmits int64
}

// ConnEvent is an event of the connection, or of the socket for datagrams.
type ConnEvent struct {
	Up     bool // it was made; else it broke, or could not be made
	At     time.Time
	Addr   string        // of the peer; "" if there was none
	Phases Phases        // of connecting
	Down   time.Duration // how long there was no connection before; 0 for the first

	// From is the address before, if the name has another one now.
	From string
	// Stale means that nothing has changed, but that a new socket is answered and the
	// old one to the same address is not: a device on the path, e.g. a NAT, leads the
	// flow of the old one elsewhere.
	Stale bool

	// Class and Err say why it is not Up. Class is "" if it is not known.
	Class dial.Class
	Err   error
}

// Pause is a time in which this process did not run: it was stopped, the machine was
// suspended or too busy, or OnProbe or OnConn took long. It says nothing about the service.
// Each probe that is due has one fate: it is answered, lost, or counted here.
type Pause struct {
	At  time.Time     // its end
	For time.Duration // its length
	// Probes is how many probes were not sent, and how many were in flight and are neither
	// answered nor lost: their time is not known.
	Probes   int64
	InFlight int64 // of Probes, those that were in flight
}

// WrongError is the first wrong byte of an answer.
type WrongError struct {
	Offset int    // in the answer
	Got    string // the bytes received there
	Want   string // the bytes sent
}

func (e *WrongError) Error() string {
	return fmt.Sprintf("wrong byte at %d: got %s, want %s", e.Offset, e.Got, e.Want)
}
