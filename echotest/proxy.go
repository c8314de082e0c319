package echotest

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"echod/internal/endpoint"
)

// ProxyFault is one way of being a broken proxy.
type ProxyFault struct {
	Name     string // as "swallows-fin"
	Sentence string // what the proxy does wrong

	// One of the two forwards.
	stream *streamHooks
	packet *packetHooks
}

// Network is the scheme that the fault forwards: "tcp" or "udp".
func (f ProxyFault) Network() string {
	if f.packet != nil {
		return "udp"
	}
	return "tcp"
}

// ProxyFaults are all faults of proxies, those of time with a short one.
func ProxyFaults() []ProxyFault {
	return []ProxyFault{
		ClosesBothAtFin, SwallowsFin, TurnsFinIntoReset, TurnsResetIntoFin, LeaksHalfOpen,
		CutsHalfClosed(shortHalfClosed), CutsIdle(shortIdle), ResetsIdle(shortIdle), ForgetsIdle(shortIdle),
		AcceptsFirst, StoresUntilEOF, DropsLargePieces, ChangesByte, DropsTail, Hoards,
		DropsLargeDatagrams, LosesDatagrams, DuplicatesDatagrams, ReordersDatagrams,
		AnswersFromAnotherPort, ForgetsMapping(shortIdle),
	}
}

const (
	// shortHalfClosed is less than the second that half-open streams are held.
	shortHalfClosed = 600 * time.Millisecond
	// shortIdle is longer than the second for which nothing is said on any.
	shortIdle = 4 * time.Second
)

// NewProxy starts an honest proxy on loopback in front of upstream, as
// tcp://127.0.0.1:7 or udp://127.0.0.1:7. It passes on every byte, FIN and reset
// of either side and holds no more than one piece of each direction. If upstream
// refuses when the proxy starts, so does the proxy: its address is then upstream's.
// It ends with the test.
func NewProxy(t testing.TB, upstream string) *Server {
	t.Helper()
	fault := ProxyFault{stream: new(streamHooks)}
	if strings.HasPrefix(upstream, "udp://") {
		fault = ProxyFault{packet: new(packetHooks)}
	}
	return NewBrokenProxy(t, fault, upstream)
}

// NewBrokenProxy starts a proxy that is broken in one way and honest in every
// other: see [NewProxy].
func NewBrokenProxy(t testing.TB, f ProxyFault, upstream string) *Server {
	t.Helper()
	to, err := endpoint.Parse(upstream)
	if err != nil || to.Network != f.Network() {
		t.Fatalf("echotest: %s forwards %s://host:port, got %s", f.Name, f.Network(), upstream)
	}
	address := to.Address()
	if f.packet != nil {
		return newPacketProxy(t, *f.packet, address)
	}
	hooks := f.stream.orHonest()
	proxy := serveStreams(t, func(ctx context.Context, client *net.TCPConn) {
		forward(ctx, client, address, hooks)
	})
	if !hooks.acceptsFirst && !reached(address) {
		// A port of its own that is closed could be anybody's a moment later.
		proxy.Close()
		return newServer(t, upstream, func() {})
	}
	return proxy
}

// reached reports whether anybody listens at address.
func reached(address string) bool {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// forward serves one connection. A server that cannot be reached by now is told
// to the client by a reset: it is too late to refuse.
func forward(ctx context.Context, client *net.TCPConn, address string, hooks streamHooks) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		client.SetLinger(0)
		return
	}
	server := conn.(*net.TCPConn)
	defer server.Close()
	release := context.AfterFunc(ctx, func() { server.Close() })
	defer release()
	newLink(ctx, client, server).relay(hooks)
}
