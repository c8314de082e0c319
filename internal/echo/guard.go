package echo

import "net/netip"

// Guard decides which datagrams may be answered, so that a forged sender can
// neither make two services echo each other for ever nor aim the answers at a
// third party. It does no I/O and reads no clock. Its methods may be called
// from any goroutine.
type Guard struct {
}

// GuardConfig is what a Guard enforces. The zero value is the default.
type GuardConfig struct{}

// NewGuard returns a Guard that knows no address of its own yet.
func NewGuard(GuardConfig) *Guard { return &Guard{} }

// Own tells the guard one address and port that this process listens on; an
// unspecified address means that port on every address. Call it before the
// first Check.
func (g *Guard) Own(addr netip.AddrPort) {}

// Check tells whether a datagram of size bytes from src to dst may be answered:
// Answer, or the reason why not. now is a monotonic time in nanoseconds; it may
// stand still but not run backwards. payload is only read, during the call.
func (g *Guard) Check(now int64, src, dst netip.AddrPort, payload []byte) Drop { return Answer }
