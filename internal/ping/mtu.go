package ping

import (
	"cmp"
	"context"
	"crypto/rand"
	"net"
	"os"
	"time"

	"echod/internal/dial"
	"echod/internal/usage"
)

// MTUConfig says how to search the MTU of the path to a service.
type MTUConfig struct {
	Target  Target        // of the network udp
	Timeout time.Duration // of the answer to the last datagram of each size
	OnSize  func(MTUSize) // called for each size that was tried; may be nil
}

// Check reports whether c is valid and can be done here. The error is a *usage.Error.
func (c MTUConfig) Check() error {
	switch {
	case c.Target.Network != "udp":
		return usage.New("--mtu is for udp:// targets", "e.g. echod ping --mtu udp://localhost:7")
	case !dial.HasDiscovery:
		return usage.New("--mtu is not supported here", "want Linux")
	}
	return nil
}

// MTUSize is what became of the datagrams of one size.
type MTUSize struct {
	Payload int // bytes, without headers
	Sent    int // datagrams; none if the first was refused here
	Fate    SizeFate
}

// SizeFate says what became of the datagrams of one size, and so why the largest datagram is
// the largest.
type SizeFate string

const (
	SizeAnswered SizeFate = "answered"
	SizeLocal    SizeFate = "local"      // the interface of this machine does not send them
	SizeICMP     SizeFate = "icmp"       // a router reported that they are too long
	SizeSilent   SizeFate = "black-hole" // neither an answer nor an ICMP message
	SizeMaximum  SizeFate = "udp"        // UDP has no longer ones; none was sent
)

// MTU is the result of a search.
type MTU struct {
	Addr    string   // of the service
	Payload int      // bytes of the largest datagram that was answered; 0 if none was
	Headers int      // bytes of IP and UDP, see [dial.Headers]
	Limit   SizeFate // of datagrams that have a byte more; "" if the search did not end

	KernelBefore, Kernel int // IP_MTU before and after the search, in bytes

	// Sent and Lost count the datagrams of the sizes that were answered. Lost ones do not
	// stand for a limit: each size is sent again.
	Sent, Lost int
}

// Packet is the size of the largest packet, in bytes.
func (m MTU) Packet() int { return m.Payload + m.Headers }

// sizeAttempts is how often a size is sent: if a tenth of all datagrams is lost in either
// direction, a size is taken for too long by mistake once in 4,000 times.
const sizeAttempts = 5

// SearchMTU finds the largest datagram that reaches the service in one packet and comes back.
// Its own packets have DF, and ignore what the kernel knows of the path (ip(7),
// IP_PMTUDISC_PROBE). The service may fragment its answers.
//
// It is a binary search that tries first what the kernel knows, and after each ICMP message
// what the kernel has learned. The error is a *usage.Error, a *dial.UnreachableError if
// nothing was answered, a *WrongError if an answer has other bytes, or that of ctx. The
// result has what is known then.
func SearchMTU(ctx context.Context, c MTUConfig) (MTU, error) {
	if err := c.Check(); err != nil {
		return MTU{}, err
	}
	c.Target.Socket.Discovery = dial.DiscoverProbe
	bounded, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	conn, err := c.Target.Dial(bounded)
	if err != nil {
		return MTU{}, cmp.Or(ctx.Err(), c.unreachable(err))
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	s := &mtuSearch{MTUConfig: c, ctx: ctx, conn: conn, key: make([]byte, 32), buf: make([]byte, 1<<16)}
	rand.Read(s.key)
	s.result = MTU{Addr: conn.RemoteAddr().String(), Headers: dial.Headers(conn), KernelBefore: s.kernel()}
	err = cmp.Or(ctx.Err(), s.search())
	return s.result, err
}

func (c MTUConfig) unreachable(err error) error {
	return &dial.UnreachableError{Target: c.Target.String(), Class: classify(err), Err: err}
}

// mtuSearch is one call of SearchMTU.
type mtuSearch struct {
	MTUConfig
	ctx     context.Context
	conn    net.Conn
	key     []byte
	buf     []byte
	seq     uint64        // of the last datagram
	slowest time.Duration // round trip so far
	last    error         // of receiving
	result  MTU
}

// kernel returns the MTU of the path that the kernel knows, 0 if it knows none.
func (s *mtuSearch) kernel() int {
	mtu, err := dial.MTU(s.conn)
	if err != nil {
		return 0
	}
	return mtu
}

func (s *mtuSearch) search() error {
	longest := 65535 - s.result.Headers // the length in the header of IPv4 includes the header
	if s.result.Headers > 28 {
		longest += 40 // and that of IPv6 does not
	}
	low, high, limit := MinSize-1, longest+1, SizeMaximum
	for size := MinSize; high-low > 1; size = s.next(low, high) {
		fate, err := s.try(size)
		switch s.result.Kernel = s.kernel(); {
		case err != nil:
			return err
		case fate == SizeAnswered:
			low, s.result.Payload = size, size
		case size == MinSize:
			return s.unreachable(cmp.Or(s.last, error(&noAnswerError{s.Timeout})))
		default:
			high, limit = size, fate
		}
	}
	if s.result.Limit = limit; limit == SizeSilent && high+s.result.Headers > s.result.Kernel {
		s.result.Limit = SizeICMP // routers limit how often they report
	}
	return nil
}

// next returns the size to try between low and high: what the kernel says is the largest, one
// more, or the middle.
func (s *mtuSearch) next(low, high int) int {
	known := s.result.Kernel - s.result.Headers
	switch {
	case low < known && known < high:
		return known
	case low == known:
		return low + 1
	}
	return (low + high) / 2
}

// try sends datagrams of one size until one is answered or known to be too long.
func (s *mtuSearch) try(size int) (SizeFate, error) {
	payloads, first, fate := payloadsOf(size, s.key), s.seq+1, SizeSilent
	var err error
	sent := 0
	for ; sent < sizeAttempts && fate == SizeSilent && err == nil; sent++ {
		wait := min(s.Timeout, max(4*s.slowest, 100*time.Millisecond))
		if sent == sizeAttempts-1 {
			wait = s.Timeout
		}
		if fate, err = s.send(payloads); fate == SizeLocal || err != nil {
			break
		}
		fate, err = s.receive(payloads, first, wait)
	}
	if err != nil {
		return fate, err
	}
	if fate == SizeAnswered {
		s.result.Sent += sent
		s.result.Lost += sent - 1
	}
	if s.OnSize != nil {
		s.OnSize(MTUSize{size, sent, fate})
	}
	return fate, nil
}

// send sends one datagram. An error may be about an earlier one, so it sends again: if the
// interface refuses it, it does so twice.
func (s *mtuSearch) send(payloads *payloads) (SizeFate, error) {
	s.seq++
	var err error
	for range 2 {
		if _, err = s.conn.Write(payloads.probe(s.seq, time.Now().UnixNano())); err == nil {
			return SizeSilent, nil
		}
	}
	switch {
	case dial.Classify(err) == dial.TooLong:
		return SizeLocal, nil
	case transient(err):
		s.last = err
		return SizeSilent, nil
	}
	return SizeSilent, cmp.Or(s.ctx.Err(), s.unreachable(err))
}

// receive waits for an answer to one of the datagrams from first on, which have the size of
// payloads, or for an error about their size.
func (s *mtuSearch) receive(payloads *payloads, first uint64, wait time.Duration) (SizeFate, error) {
	s.conn.SetReadDeadline(time.Now().Add(wait))
	for {
		n, err := s.conn.Read(s.buf)
		switch {
		case s.ctx.Err() != nil:
			return SizeSilent, s.ctx.Err()
		case err == nil:
			seq, stamp, ours := payloads.parse(s.buf[:n])
			if !ours || seq < first {
				continue // of an earlier size, whose time is over
			}
			if wrong := payloads.compareWhole(s.buf[:n], seq, stamp); wrong != nil {
				return SizeSilent, wrong
			}
			s.slowest = max(s.slowest, time.Since(time.Unix(0, stamp)))
			return SizeAnswered, nil
		case dial.Classify(err) == dial.TooLong:
			if payloads.size+s.result.Headers > s.kernel() {
				return SizeICMP, nil
			} // else it is about an earlier size
		case transient(err): // it is about the last datagram: it will not be answered
			s.last = err
			return SizeSilent, nil
		case os.IsTimeout(err):
			return SizeSilent, nil
		default:
			return SizeSilent, s.unreachable(err)
		}
	}
}
