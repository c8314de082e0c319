package dial

import (
	"net"
	"time"
)

// Stamps are the times at which the peer received a datagram and answered it. The zero value
// means that they are not known.
type Stamps struct {
	Received, Answered int64 // Unix nanoseconds, of a clock of the peer that is never set
	// Stepped is how far the clock of the peer's system is ahead of that clock, and Local the
	// same of this system.
	Stepped, Local time.Duration
}

// StampedConn is a socket for datagrams whose peer stamps them.
type StampedConn interface {
	net.Conn
	// ReadStamps reads a datagram and its stamps.
	ReadStamps(p []byte) (n int, stamps Stamps, err error)
	// Spent reports whether the peer will soon stamp no more datagrams, so that a new
	// connection should replace this one.
	Spent() bool
}

// Spent reports whether c is a [StampedConn] that should be replaced.
func Spent(c net.Conn) bool {
	stamped, ok := c.(StampedConn)
	return ok && stamped.Spent()
}

// Arrived is what is known of a datagram that was read.
type Arrived struct {
	// TTL is the TTL, or the hop limit, that it had. It is 0 if that is not known: for
	// streams, for targets without ReceiveTTL, and on systems other than Linux.
	TTL    int
	Stamps Stamps
}

// Read reads from c, and returns what is known of the datagram.
func Read(c net.Conn, p []byte) (int, Arrived, error) {
	switch c := c.(type) {
	case StampedConn:
		n, stamps, err := c.ReadStamps(p)
		return n, Arrived{Stamps: stamps}, err
	case *datagramConn:
		n, ttl, err := c.readTTL(p)
		return n, Arrived{TTL: ttl}, err
	}
	n, err := c.Read(p)
	return n, Arrived{}, err
}
