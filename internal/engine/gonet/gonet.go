package gonet

import (
	"fmt"

	"echod/internal/engine"
)

// New returns the engine "net".
func New() engine.Engine { return netEngine{system{}} }

// On returns the engine "net" on the sockets of another network than package net's.
// Sockets that it inherits are package net's all the same.
func On(network Network) engine.Engine { return netEngine{network} }

type netEngine struct{ network Network }

func (netEngine) Name() string { return "net" }

func (netEngine) Caps() engine.Caps {
	return engine.Caps{Networks: []string{"tcp", "tls", "udp", "unix"}}
}

// Probe has nothing to ask: Go's net package works wherever Go does.
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
	for _, l := range cfg.Listeners {
		if err := s.open(e.network, l); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}
