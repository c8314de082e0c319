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

// datagramHooks replace parts of a proxy for datagrams. A hook that is not set is
// honest.
type datagramHooks struct {
	answers     func(send sendFunc) sendFunc // wraps the function that sends answers to one client
	idleTimeout time.Duration                // of a mapping; 0 for none
	otherPort   bool                         // sends answers from another port
}

// sendFunc sends one datagram.
type sendFunc func(p []byte)

func datagramProxyFault(name, description string, hooks datagramHooks) ProxyFault {
	return ProxyFault{Name: name, Description: description, Network: "udp", datagram: hooks}
}

// DropsLargeDatagrams drops answers of more than 1472 bytes, as a path does that drops
// fragments.
func DropsLargeDatagrams() ProxyFault {
	return datagramProxyFault("drops-large-datagrams", "drops answers of more than 1472 bytes", datagramHooks{answers: func(send sendFunc) sendFunc {
		return func(p []byte) {
			if len(p) <= 1472 {
				send(p)
			}
		}
	}})
}

// DropsDatagrams drops every third answer to a client.
func DropsDatagrams() ProxyFault {
	return datagramProxyFault("drops-datagrams", "drops every third answer to a client", datagramHooks{answers: func(send sendFunc) sendFunc {
		n := 0
		return func(p []byte) {
			if n++; n%3 != 0 {
				send(p)
			}
		}
	}})
}

// DuplicatesDatagrams sends every third answer to a client twice.
func DuplicatesDatagrams() ProxyFault {
	return datagramProxyFault("duplicates-datagrams", "sends every third answer to a client twice", datagramHooks{answers: func(send sendFunc) sendFunc {
		n := 0
		return func(p []byte) {
			if send(p); n%3 == 2 {
				send(p)
			}
			n++
		}
	}})
}

// ReordersDatagrams sends every third answer to a client after the next one.
func ReordersDatagrams() ProxyFault {
	return datagramProxyFault("reorders-datagrams", "sends every third answer to a client after the next one", datagramHooks{answers: func(send sendFunc) sendFunc {
		n, held := 0, []byte(nil)
		return func(p []byte) {
			if n++; n%3 == 0 {
				held = append([]byte{}, p...) // not nil, even if p is empty
				return
			}
			if send(p); held != nil {
				send(held)
				held = nil
			}
		}
	}})
}

// ChangesSourcePort sends answers from another port than the client sent to.
func ChangesSourcePort() ProxyFault {
	return datagramProxyFault("changes-source-port", "sends answers from another port than the client sent to", datagramHooks{otherPort: true})
}

// ForgetsMapping drops the server's datagrams to a client that was silent for some
// time, as a NAT does.
func ForgetsMapping(after time.Duration) ProxyFault {
	return datagramProxyFault("forgets-mapping", "drops the server's datagrams to a client that was silent for "+after.String(), datagramHooks{idleTimeout: after})
}

// startDatagramProxy starts a proxy that has a socket for each client, connected to
// the server at address.
func startDatagramProxy(t testing.TB, hooks datagramHooks, address string) *Server {
	t.Helper()
	return startDatagrams(t, func(ctx context.Context, conn *net.UDPConn) {
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

// nat maps each client to a socket. A mapping ends when the client was silent for the
// idle timeout, or with the proxy.
type nat struct {
	ctx     context.Context
	address string // the server
	hooks   datagramHooks
	out     *net.UDPConn // sends to the clients

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
		server := n.mapping(from)
		if server == nil {
			continue
		}
		if n.hooks.idleTimeout > 0 {
			server.SetReadDeadline(time.Now().Add(n.hooks.idleTimeout))
		}
		server.Write(buf[:length])
	}
}

// mapping returns the socket of a client, or nil if none can be opened.
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
		n.forwardAnswers(client, server)
	})
	return server
}

// forwardAnswers forwards what the server sends until the mapping ends.
func (n *nat) forwardAnswers(client netip.AddrPort, server net.Conn) {
	send := sendFunc(func(p []byte) { n.out.WriteToUDPAddrPort(p, client) })
	if n.hooks.answers != nil {
		send = n.hooks.answers(send)
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
		send(buf[:length])
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.mappings, client)
	server.Close()
}
