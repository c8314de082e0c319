// Package gonet is the engine "net": Go's net package and a goroutine for each
// connection.
//
// The life of a connection is in five files, in this order:
//
//	accept.go    accept a connection and start its goroutine
//	conn.go      the goroutine: read, write back, half-close, close
//	transport.go how it receives and sends, and waits for both
//	buffer.go    how it gets a buffer, and waits for memory
//	timeout.go   how it is interrupted when it has waited too long
//
// The rest of the engine:
//
//	yield.go     how a stream that never waits lets others run
//	server.go    all goroutines of a server, from Serve to Shutdown
//	stats.go     its counters, and its busiest peers
//	listen.go    listening sockets, of package net or of another network
//	datagram.go  the echo of datagrams
//	tls.go       TLS connections: handshake, close_notify, errors
//	tlswire.go   what TLS connections read and write
//	unread.go    echoing bytes that stay in the kernel: unix sockets, no memory
//
// The Go runtime waits for all connections at once (runtime/netpoll.go), so each
// goroutine can wait for its own in a plain loop. The engines of package reactor wait
// for all of them with their own system calls.
package gonet

import (
	"fmt"

	"echod/internal/engine"
)

// New returns the engine "net".
func New() engine.Engine { return netEngine{system{}} }

// On returns the engine "net" on the sockets of another network than that of package
// net. Inherited sockets are sockets of package net all the same.
func On(network Network) engine.Engine { return netEngine{network} }

type netEngine struct{ network Network }

func (netEngine) Name() string { return "net" }

func (netEngine) Caps() engine.Caps {
	return engine.Caps{Networks: []string{"tcp", "tls", "udp", "unix"}}
}

// Probe returns nil: Go's net package works on every system.
func (netEngine) Probe() error { return nil }

func (e netEngine) New(cfg engine.Config) (engine.Server, error) {
	for _, l := range cfg.Listeners {
		if l.File == nil && !e.Caps().Serves(l.Spec.Network) {
			return nil, fmt.Errorf("engine net does not serve %q: %w", l.Spec.Network, engine.ErrUnsupported)
		}
		if l.Spec.Network == "tls" && l.TLS == nil {
			return nil, fmt.Errorf("listen %s: no TLS configuration, so no certificate", l.Spec)
		}
	}
	s := newServer(cfg.WithDefaults())
	s.calls = e.network.Calls()
	if err := s.yield.open(s.calls); err != nil {
		return nil, fmt.Errorf("engine net: %w", err)
	}
	for _, l := range cfg.Listeners {
		if err := s.listen(e.network, l); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}
