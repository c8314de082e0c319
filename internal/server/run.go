package server

import (
	"context"
	"log/slog"
	"os"
	"sync/atomic"

	"echod/internal/echo"
	"echod/internal/engine"
)

// Run binds every listener of the plan and serves until a signal comes, until
// ctx ends or until an engine breaks. A signal starts the drain; another one, or
// the end of ctx, ends it at once. Run returns nil after a drain, however it ended, and otherwise what could not
// be bound or what broke. On return every socket is closed.
func (p *Plan) Run(ctx context.Context, signals <-chan os.Signal) error {
	if p.cfg.Log == nil {
		p.cfg.Log = slog.New(slog.DiscardHandler)
	}
	servers, err := p.bind()
	if err != nil {
		return err
	}
	s := &service{cfg: p.cfg, signals: signals, members: servers, broken: make(chan error, len(servers))}
	s.logListeners()
	return s.run(ctx)
}

// member is one engine's server.
type member struct {
	engine.Server
	engine string      // its name
	over   atomic.Bool // whether Serve has returned
}

// bind starts one server for each engine. If one of them cannot have what it
// needs, none is left.
func (p *Plan) bind() ([]*member, error) {
	cfg := p.cfg.Settings
	cfg.Budget = engine.NewBudget(p.cfg.Limits)
	// One guard for all: a datagram forged from any address of this process
	// must find it closed, whichever engine serves that address.
	cfg.Guard = echo.NewGuard(echo.GuardConfig{Local: localAddresses(p.cfg.Log)})
	cfg.Log = p.cfg.Log
	var members []*member
	for _, g := range p.groups {
		server, err := g.engine.New(g.settings(cfg))
		if err != nil {
			for _, bound := range members {
				bound.Shutdown(ended())
			}
			return nil, err
		}
		members = append(members, &member{Server: server, engine: g.engine.Name()})
	}
	return members, nil
}

// settings is cfg for this group: its listeners, and only what its engine
// knows.
func (g group) settings(cfg engine.Config) engine.Config {
	cfg.Listeners = g.listeners
	if !g.engine.Caps().Loops {
		cfg.Loops = 0
	}
	if !g.engine.Caps().BusyPoll {
		cfg.BusyPoll = 0
	}
	return cfg
}

// ended is a context that allows no time.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
