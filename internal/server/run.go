package server

import (
	"context"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"echod/internal/echo"
	"echod/internal/engine"
)

// Bind binds every listener of the plan. On an error nothing stays bound. What
// it returns holds sockets until its Run has returned, so Run is owed a call.
func (p *Plan) Bind() (*Service, error) {
	if p.cfg.Log == nil {
		p.cfg.Log = slog.New(slog.DiscardHandler)
	}
	members, err := p.bind()
	if err != nil {
		return nil, err
	}
	s := &Service{cfg: p.cfg, members: members, broken: make(chan error, len(members)), started: time.Now()}
	s.logListeners()
	return s, nil
}

// Run is Bind and the Run of what was bound.
func (p *Plan) Run(ctx context.Context, signals <-chan os.Signal) error {
	s, err := p.Bind()
	if err != nil {
		return err
	}
	return s.Run(ctx, signals)
}

// member is one engine's server.
type member struct {
	engine.Server
	engine string      // its name
	over   atomic.Bool // whether Serve has returned
}

// bindGroups starts one server for each group, or none.
func (p *Plan) bindGroups(groups []group) ([]*member, error) {
	cfg := p.cfg.Settings
	cfg.Budget = engine.NewBudget(p.cfg.Limits)
	p.cfg.Limits = cfg.Budget.Limits()
	// One guard for all: a datagram forged from any address of this process
	// must find it closed, whichever engine serves that address.
	cfg.Guard = echo.NewGuard(echo.GuardConfig{Local: localAddresses(p.cfg.Log)})
	cfg.Log = p.cfg.Log
	var members []*member
	for _, g := range groups {
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
