package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"echod/internal/engine"
	"echod/internal/sock"
	"echod/internal/usage"
)

// Plan is a valid configuration: every address is resolved, and every engine works on
// this system and can serve its listeners.
type Plan struct {
	cfg    Config
	groups []group
	shared []sharedPort
}

// group is the listeners that one engine serves.
type group struct {
	engine    engine.Engine
	listeners []engine.Listener
}

// NewPlan checks cfg without binding anything. Its errors are *usage.Error, unless the
// check itself failed.
func NewPlan(ctx context.Context, cfg Config) (*Plan, error) {
	p := &Plan{cfg: cfg}
	for _, ln := range cfg.Listeners {
		if err := p.add(ctx, ln); err != nil {
			return nil, err
		}
	}
	if len(p.groups) == 0 {
		return nil, usage.New("there is nothing to listen on", "name an address, e.g. tcp://:8080")
	}
	if err := p.checkDuplicates(); err != nil {
		return nil, err
	}
	return p, p.checkSettings()
}

// add resolves one listener. A name becomes one listener for each of its addresses.
func (p *Plan) add(ctx context.Context, ln engine.Listener) error {
	if ln.File != nil {
		_, err := p.addOne(ln)
		return err
	}
	specs, err := ln.Spec.Resolve(ctx)
	if err != nil {
		return err
	}
	group := 0
	for _, spec := range specs {
		ln.Spec = spec
		if group, err = p.addOne(ln); err != nil {
			return err
		}
	}
	if n := len(specs); n > 1 && specs[0].Addr.Port() == 0 {
		p.shared = append(p.shared, sharedPort{group, len(p.groups[group].listeners) - n, n})
	}
	return nil
}

// addOne appends a resolved listener to the group of its engine.
func (p *Plan) addOne(ln engine.Listener) (group int, err error) {
	if ln.Spec.Network == "udp" && !p.cfg.UDPPublic && !ln.Spec.Addr.Addr().IsLoopback() {
		return 0, usage.New(fmt.Sprintf("%s would answer the whole network, forged senders included", ln.Spec),
			"add --udp-public if that is meant, or listen on udp://127.0.0.1:PORT")
	}
	found, err := p.cfg.Lookup(p.engineOf(ln.Spec))
	if err != nil {
		return 0, err
	}
	if ln.Spec.Network == "tls" {
		if err := p.setTLS(&ln, found); err != nil {
			return 0, err
		}
	}
	if !found.Caps().Serves(ln.Spec.Network) {
		return 0, usage.New(fmt.Sprintf("the %s engine does not serve %s (%s)", found.Name(), ln.Spec.Network, ln.Spec),
			"it serves "+strings.Join(found.Caps().Networks, ", "))
	}
	return p.assign(found, ln)
}

// engineOf returns the name of the engine for s.
func (p *Plan) engineOf(s sock.Spec) string {
	switch {
	case s.Engine != "":
		return s.Engine
	case s.Network == "tls":
		return p.cfg.TLSEngine
	}
	return p.cfg.Engine
}

// setTLS sets the TLS configuration of a tls listener. It returns an error if there is
// none, or if the engine does not serve TLS.
func (p *Plan) setTLS(ln *engine.Listener, e engine.Engine) error {
	if !e.Caps().Serves("tls") {
		return usage.New(fmt.Sprintf("the %s engine does not serve tls (%s): crypto/tls needs Go's net package, which this engine does not use", e.Name(), ln.Spec),
			"omit ?engine=, then the "+p.cfg.TLSEngine+" engine serves it")
	}
	if p.cfg.TLS == nil {
		return NoCertificate(ln.Spec)
	}
	ln.TLS = p.cfg.TLS
	return nil
}

// NoCertificate is the error of a tls listener without a certificate.
func NoCertificate(spec sock.Spec) error {
	return usage.New(spec.String()+" needs a certificate",
		"add --tls-cert FILE --tls-key FILE; for tests, echod cert makes both")
}

// assign appends ln to the group of e and returns the index of the group. It probes an
// engine that is new to the plan.
func (p *Plan) assign(e engine.Engine, ln engine.Listener) (int, error) {
	i := slices.IndexFunc(p.groups, func(g group) bool { return g.engine.Name() == e.Name() })
	if i < 0 {
		if err := e.Probe(); errors.Is(err, engine.ErrUnsupported) {
			return 0, usage.New(fmt.Sprintf("the %s engine does not work here: %v", e.Name(), err), "echod engines lists those that do")
		} else if err != nil {
			return 0, fmt.Errorf("probe the %s engine: %w", e.Name(), err)
		}
		i = len(p.groups)
		p.groups = append(p.groups, group{engine: e})
	}
	p.groups[i].listeners = append(p.groups[i].listeners, ln)
	return i, nil
}

// checkDuplicates returns an error if an address is listed twice: the second could not be
// bound.
func (p *Plan) checkDuplicates() error {
	seen := make(map[string]bool)
	for _, g := range p.groups {
		for _, ln := range g.listeners {
			free := ln.Spec.Network != "unix" && ln.Spec.Addr.Port() == 0
			socket := ln.Spec
			socket.Network = socket.Transport() // tcp and tls cannot share a port
			if url := socket.String(); seen[url] {
				return usage.New(ln.Spec.String()+" is listed twice", "list it once")
			} else if !free {
				seen[url] = true
			}
		}
	}
	return nil
}

// checkSettings returns an error if a setting has no effect on any engine of the plan.
func (p *Plan) checkSettings() error {
	var loops, busyPoll bool
	var names []string
	for _, g := range p.groups {
		names = append(names, g.engine.Name())
		loops = loops || g.engine.Caps().Loops
		busyPoll = busyPoll || g.engine.Caps().BusyPoll
	}
	buffer, memory := int64(p.cfg.Settings.Buffer), p.cfg.Limits.MaxMemory
	if memory != 0 && buffer > memory {
		return usage.New(fmt.Sprintf("one connection's --buffer (%d bytes) is more than --max-memory (%d) for all", buffer, memory),
			"lower --buffer or raise --max-memory")
	}
	in := "with --engine " + strings.Join(names, ", ")
	if p.cfg.Settings.Loops != 0 && !loops {
		return usage.New("--loops has no effect "+in, "omit it, or choose an engine that has loops")
	}
	if p.cfg.Settings.BusyPoll != 0 && !busyPoll {
		return usage.New("--busy-poll has no effect "+in, "omit it, or choose --engine epoll")
	}
	return nil
}
