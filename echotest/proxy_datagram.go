package echotest

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// packetHooks are the places at which a proxy for datagrams can go wrong. What
// is not set is honest.
type packetHooks struct {
	answers   func(pass passing) passing // what becomes of one client's answers
	lifetime  time.Duration              // of a mapping that is silent; 0 is for ever
	otherPort bool                       // answers from another port than was asked
}

// passing sends one datagram on.
type passing func(p []byte)

// DropsLargeDatagrams is a path that drops fragments.
var DropsLargeDatagrams = ProxyFault{
	Name:     "drops-large-datagrams",
	Sentence: "drops answers longer than 1472 bytes",
	packet: &packetHooks{answers: func(pass passing) passing {
		return func(p []byte) {
			if len(p) <= 1472 {
				pass(p)
			}
		}
	}},
}

// LosesDatagrams loses some.
var LosesDatagrams = ProxyFault{
	Name:     "loses-datagrams",
	Sentence: "loses every third answer of a client",
	packet: &packetHooks{answers: func(pass passing) passing {
		n := 0
		return func(p []byte) {
			if n++; n%3 != 0 {
				pass(p)
			}
		}
	}},
}

// DuplicatesDatagrams sends some twice.
var DuplicatesDatagrams = ProxyFault{
	Name:     "duplicates-datagrams",
	Sentence: "sends every third answer of a client twice",
	packet: &packetHooks{answers: func(pass passing) passing {
		n := 0
		return func(p []byte) {
			if pass(p); n%3 == 2 {
				pass(p)
			}
			n++
		}
	}},
}

// ReordersDatagrams lets some be overtaken.
var ReordersDatagrams = ProxyFault{
	Name:     "reorders-datagrams",
	Sentence: "sends every third answer of a client after the one that follows it",
	packet: &packetHooks{answers: func(pass passing) passing {
		n, held := 0, []byte(nil)
		return func(p []byte) {
			if n++; n%3 == 0 {
				held = append([]byte{}, p...)
				return
			}
			if pass(p); held != nil {
				pass(held)
				held = nil
			}
		}
	}},
}

// AnswersFromAnotherPort has one socket to listen and another to speak.
var AnswersFromAnotherPort = ProxyFault{
	Name:     "answers-from-another-port",
	Sentence: "passes answers on from another port than was asked",
	packet:   &packetHooks{otherPort: true},
}

// ForgetsMapping forgets which client the answers are for, as a NAT does.
func ForgetsMapping(after time.Duration) ProxyFault {
	return ProxyFault{
		Name:     "forgets-mapping",
		Sentence: "drops the server's datagrams to a client that has been silent for " + after.String(),
		packet:   &packetHooks{lifetime: after},
	}
}

// newPacketProxy gives each client a socket of its own to the server at address.
func newPacketProxy(t testing.TB, hooks packetHooks, address string) *Server {
	t.Helper()
	return servePackets(t, func(ctx context.Context, conn *net.UDPConn) {
		out := conn
		if hooks.otherPort {
			other, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback))
			if err != nil {
				return
			}
			defer other.Close()
			out = other
		}
		n := &nat{ctx: ctx, address: address, hooks: hooks, out: out, mappings: make(map[netip.AddrPort]net.Conn)}
		n.serve(conn)
	})
}

// nat maps clients to sockets. Each lives until it is silent for the lifetime,
// or until the proxy ends.
type nat struct {
	ctx     context.Context
	address string
	hooks   packetHooks
	out     *net.UDPConn // to the clients

	mu       sync.Mutex
	mappings map[netip.AddrPort]net.Conn
	answers  sync.WaitGroup
}

func (n *nat) serve(conn *net.UDPConn) {
	defer n.answers.Wait()
	buf := make([]byte, 64<<10)
	for {
		length, from, err := conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			sleep(n.ctx, errorPause)
			continue
		}
		if server := n.mapping(from); server != nil {
			n.keep(server)
			server.Write(buf[:length])
		}
	}
}

// mapping is the socket of one client; nil if it cannot be had.
func (n *nat) mapping(client netip.AddrPort) net.Conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	if server := n.mappings[client]; server != nil {
		return server
	}
	server, err := new(net.Dialer).DialContext(n.ctx, "udp", n.address)
	if err != nil {
		return nil
	}
	n.mappings[client] = server
	n.answers.Go(func() {
		release := context.AfterFunc(n.ctx, func() { server.Close() })
		defer release()
		n.answer(client, server)
	})
	return server
}

// keep puts the end of a mapping off.
func (n *nat) keep(server net.Conn) {
	if n.hooks.lifetime > 0 {
		server.SetReadDeadline(time.Now().Add(n.hooks.lifetime))
	}
}

// answer passes on what comes from the server until the mapping ends.
func (n *nat) answer(client netip.AddrPort, server net.Conn) {
	pass := passing(func(p []byte) { n.out.WriteToUDPAddrPort(p, client) })
	if n.hooks.answers != nil {
		pass = n.hooks.answers(pass)
	}
	buf := make([]byte, 64<<10)
	for {
		length, err := server.Read(buf)
		var timeout net.Error
		if errors.Is(err, net.ErrClosed) || errors.As(err, &timeout) && timeout.Timeout() {
			break
		}
		if err != nil {
			sleep(n.ctx, errorPause)
			continue
		}
		pass(buf[:length])
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.mappings, client)
	server.Close()
}
