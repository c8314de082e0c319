package echotest

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"echod/internal/dial"
)

// serveDatagrams forwards the datagrams that conn receives, until it is closed.
func (r *relay) serveDatagrams(ctx context.Context, conn *net.UDPConn) {
	other, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback))
	if err != nil {
		return
	}
	defer other.Close()
	n := &nat{relay: r, ctx: ctx, conn: conn, other: other, mappings: make(map[netip.AddrPort]*mapping)}
	n.serve()
}

// nat maps each client to a socket that is connected to the server. A mapping ends when
// the client was silent for the time of a fault OnIdle, or with the relay.
type nat struct {
	relay *relay
	ctx   context.Context
	conn  *net.UDPConn // of the clients
	other *net.UDPConn // sends answers from another port

	clients  int // so far
	mu       sync.Mutex
	mappings map[netip.AddrPort]*mapping
	running  sync.WaitGroup
}

// mapping is what belongs to one client.
type mapping struct {
	client             netip.AddrPort
	server             net.Conn
	toServer, toClient *datagramFlow
	idleTimeout        time.Duration // 0 for none
}

// datagramFlow is one direction of a mapping.
type datagramFlow struct {
	*flow
	later   [][]byte // a datagram that is sent after the next one
	stopped bool     // a fault has said Hang
}

// forward pushes a datagram into the pipe, as the faults say.
func (f *datagramFlow) forward(datagram []byte) {
	e := f.apply(datagram)
	f.stopped = f.stopped || e.stop != 0
	if f.stopped || e.drop {
		return
	}
	if e.reorder && f.later == nil {
		f.later = [][]byte{slices.Clone(e.data)}
		return
	}
	f.pipe.offer(e.data, e.hold, e.otherPort)
	if e.duplicate {
		f.pipe.offer(e.data, e.hold, e.otherPort)
	}
	for _, late := range f.later {
		f.pipe.offer(late, e.hold, e.otherPort)
	}
	f.later = nil
}

func (n *nat) serve() {
	defer n.stop()
	buf := make([]byte, 64<<10)
	for {
		length, from, err := n.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			sleep(n.ctx, errorPause)
			continue
		}
		m := n.mapping(from)
		if m == nil {
			continue
		}
		m.toServer.forward(buf[:length])
		if m.idleTimeout > 0 {
			m.server.SetReadDeadline(time.Now().Add(m.idleTimeout))
		}
	}
}

// stop ends all mappings and waits for them.
func (n *nat) stop() {
	n.mu.Lock()
	for _, m := range n.mappings {
		m.server.Close()
		m.toServer.pipe.stop()
		m.toClient.pipe.stop()
	}
	n.mu.Unlock()
	n.running.Wait()
}

// mapping returns the mapping of a client, or nil if no socket can be opened.
func (n *nat) mapping(client netip.AddrPort) *mapping {
	n.mu.Lock()
	defer n.mu.Unlock()
	if m := n.mappings[client]; m != nil {
		return m
	}
	server, err := new(net.Dialer).DialContext(n.ctx, "udp", n.relay.address)
	if err != nil {
		return nil
	}
	server.(*net.UDPConn).SetReadBuffer(dial.DatagramQueue)
	n.clients++
	m := n.newMapping(client, server)
	n.mappings[client] = m
	n.running.Go(func() { n.run(m) })
	return m
}

func (n *nat) newMapping(client netip.AddrPort, server net.Conn) *mapping {
	toServer, toClient := n.relay.newFlows(n.clients, 1<<20)
	m := &mapping{client: client, server: server, toServer: &datagramFlow{flow: toServer}, toClient: &datagramFlow{flow: toClient}}
	for fault := range toClient.faults(OnIdle) {
		m.idleTimeout = fault.After
	}
	return m
}

// run forwards in both directions until the mapping ends.
func (n *nat) run(m *mapping) {
	var writers sync.WaitGroup
	writers.Go(func() {
		m.toServer.pipe.run(func(p queued) error {
			m.server.Write(p.data) // an error is that of an earlier datagram
			return nil
		})
	})
	writers.Go(func() {
		m.toClient.pipe.run(func(p queued) error {
			out := n.conn
			if p.otherPort {
				out = n.other
			}
			out.WriteToUDPAddrPort(p.data, m.client)
			return nil
		})
	})
	n.forwardAnswers(m)
	n.mu.Lock()
	delete(n.mappings, m.client)
	n.mu.Unlock()
	m.toServer.pipe.end()
	m.toClient.pipe.end()
	writers.Wait()
	m.server.Close()
}

// forwardAnswers forwards what the server sends until its socket is closed, or the
// client was silent for too long.
func (n *nat) forwardAnswers(m *mapping) {
	buf := make([]byte, 64<<10)
	for {
		length, err := m.server.Read(buf)
		var timeout net.Error
		if errors.Is(err, net.ErrClosed) || errors.As(err, &timeout) && timeout.Timeout() {
			return
		}
		if err != nil {
			sleep(n.ctx, errorPause)
			continue
		}
		m.toClient.forward(buf[:length])
	}
}
