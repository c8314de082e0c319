package dial

import (
	"fmt"
	"net"
)

// datagramConn is a UDP socket with options.
type datagramConn struct {
	*net.UDPConn
	ttl bool // the kernel reports the TTL of datagrams
}

// DatagramQueue is the size in bytes of the receive buffer of a socket for datagrams, also in echotest.
// The usual 208 KiB of Linux hold 277 short datagrams. So a client on a busy machine would lose answers
// itself, and it would look as if the path lost them. The kernel lowers the size to net.core.rmem_max.
const DatagramQueue = 4 << 20

// TooLongError is returned for a datagram that is longer than the path takes, if it must
// not be fragmented. It may be about an earlier datagram: a router has reported it (RFC
// 1191, section 4; RFC 8201, section 4).
type TooLongError struct {
	MTU int // of the path, as far as the kernel knows, in bytes
	Max int // the longest datagram that fits, without its headers
	Err error
}

func (e *TooLongError) Error() string {
	return fmt.Sprintf("%v: the path has an MTU of %d bytes as far as the kernel knows, so that at most %d fit", e.Err, e.MTU, e.Max)
}

func (e *TooLongError) Unwrap() error { return e.Err }

func (c *datagramConn) Write(p []byte) (int, error) {
	n, err := c.UDPConn.Write(p)
	return n, c.explain(err)
}

func (c *datagramConn) Read(p []byte) (int, error) {
	n, err := c.UDPConn.Read(p)
	return n, c.explain(err)
}

// explain adds the MTU to an error about a datagram that is too long.
func (c *datagramConn) explain(err error) error {
	if err == nil || Classify(err) != TooLong {
		return err
	}
	mtu, unknown := MTU(c)
	if unknown != nil {
		return err
	}
	return &TooLongError{mtu, mtu - Headers(c), err}
}

// Headers returns how many bytes the headers of IP and UDP take in each datagram of c, without
// options and extensions: 28 or, with IPv6, 48 (RFC 791, RFC 8200, RFC 768).
func Headers(c net.Conn) int {
	if isIPv6(c) {
		return 48
	}
	return 28
}

func isIPv6(c net.Conn) bool {
	local, ok := c.LocalAddr().(*net.UDPAddr)
	return ok && local.IP.To4() == nil
}

// readTTL reads a datagram and the TTL with which it arrived, see [Arrived].
func (c *datagramConn) readTTL(p []byte) (n, ttl int, err error) {
	if !c.ttl {
		n, err = c.Read(p)
		return n, 0, err
	}
	control := make([]byte, controlSize)
	n, got, _, _, err := c.ReadMsgUDPAddrPort(p, control)
	return n, parseTTL(control[:got]), c.explain(err)
}
