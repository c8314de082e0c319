package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"echod/internal/echo"
	"echod/internal/engine"
	"echod/internal/sock"
)

// Bind binds every listener of the plan. On an error nothing stays bound. The caller must
// call Run or Close of the Service, which close the sockets.
func (p *Plan) Bind() (*Service, error) {
	if p.cfg.Log == nil {
		p.cfg.Log = slog.New(slog.DiscardHandler)
	}
	servers, err := p.bind()
	if err != nil {
		return nil, err
	}
	s := &Service{cfg: p.cfg, servers: servers, failed: make(chan error, len(servers)), started: time.Now()}
	s.logListeners()
	return s, nil
}

// Run calls Bind, and Run of the Service.
func (p *Plan) Run(ctx context.Context, signals <-chan os.Signal) error {
	s, err := p.Bind()
	if err != nil {
		return err
	}
	return s.Run(ctx, signals)
}

// engineServer is the server of one engine.
type engineServer struct {
	engine.Server
	engine   string      // its name
	returned atomic.Bool // whether Serve has returned
}

// bindGroups makes one server for each group, or none.
func (p *Plan) bindGroups(groups []group) ([]*engineServer, error) {
	cfg := p.cfg.Settings
	cfg.Budget = engine.NewBudget(p.cfg.Limits)
	p.cfg.Limits = cfg.Budget.Limits()
	// All engines share one guard, which knows the addresses of all of them: a datagram
	// whose forged source is one of these must not be answered.
	cfg.Guard = echo.NewGuard(echo.GuardConfig{Local: localAddresses(p.cfg.Log)})
	cfg.Log = p.cfg.Log
	var servers []*engineServer
	for _, g := range groups {
		server, err := g.engine.New(g.settings(cfg))
		if err != nil {
			closeAll(servers)
			return nil, err
		}
		servers = append(servers, &engineServer{Server: server, engine: g.engine.Name()})
	}
	return servers, nil
}

// closeAll closes the sockets of servers that do not serve yet.
func closeAll(servers []*engineServer) {
	for _, bound := range servers {
		bound.Shutdown(canceledContext())
	}
}

// settings returns cfg with the listeners of this group, and only with settings that its
// engine uses.
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

// canceledContext returns a context that is done.
func canceledContext() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// sharedPort identifies the n listeners, from first on, of one name with port 0. They get
// the same port at each address of the name.
type sharedPort struct{ group, first, n int }

// sharedPortTries bounds how often another port is chosen because another process has
// bound the last one.
const sharedPortTries = 10

// bind makes one server for each engine. On an error none is left. If no port is free at
// all addresses of a name, each address has a port of its own.
func (p *Plan) bind() ([]*engineServer, error) {
	for try := 1; ; try++ {
		servers, err := p.bindGroups(p.choosePorts())
		retry := len(p.shared) > 0 && try < sharedPortTries && errors.Is(err, syscall.EADDRINUSE)
		if err == nil || !retry {
			return servers, err
		}
	}
}

// choosePorts returns the groups with a port for each name with port 0.
func (p *Plan) choosePorts() []group {
	if len(p.shared) == 0 {
		return p.groups
	}
	groups := slices.Clone(p.groups)
	for i := range groups {
		groups[i].listeners = slices.Clone(groups[i].listeners)
	}
	for _, s := range p.shared {
		setPort(groups[s.group].listeners[s.first:][:s.n])
	}
	return groups
}

// setPort gives listeners of one network a port that is free at all of their
// addresses. If none is found, they keep port 0.
func setPort(listeners []engine.Listener) {
	var addrs []netip.Addr
	for _, ln := range listeners {
		addrs = append(addrs, ln.Spec.Addr.Addr())
	}
	port := sock.FreePort(listeners[0].Spec.Transport(), addrs)
	for i := range listeners {
		listeners[i].Spec.Addr = netip.AddrPortFrom(addrs[i], port)
	}
}

// localAddresses returns the addresses of this machine with the prefixes of their
// networks. From them the guard knows which sources are this machine and which
// destinations are broadcast addresses. Without them it only knows the addresses of
// listeners.
func localAddresses(log *slog.Logger) []netip.Prefix {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		log.Warn("this machine's addresses are unknown, so directed broadcasts may be answered", slog.Any("error", err))
		return nil
	}
	return prefixesOf(addrs)
}

func prefixesOf(addrs []net.Addr) []netip.Prefix {
	var local []netip.Prefix
	for _, a := range addrs {
		network, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		addr, _ := netip.AddrFromSlice(network.IP)
		bits, _ := network.Mask.Size()
		if p := netip.PrefixFrom(addr.Unmap(), bits); p.IsValid() {
			local = append(local, p)
		}
	}
	return local
}
