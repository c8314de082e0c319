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

// Plan is a configuration that was found to be right: every address resolved,
// every engine there and able to serve what it is asked to.
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

// NewPlan checks cfg as far as it can be without binding anything. Its errors
// are the caller's mistakes, *usage.Error, except where the running
// system could not be asked.
func NewPlan(ctx context.Context, cfg Config) (*Plan, error) {
	p := &Plan{cfg: cfg}
	for _, ln := range cfg.Listeners {
		if err := p.add(ctx, ln); err != nil {
			return nil, err
		}
	}
	if len(p.groups) == 0 {
		return nil, usage.New("there is nothing to listen on", "name an address, as in tcp://:8080")
	}
	if err := p.checkTwins(); err != nil {
		return nil, err
	}
	return p, p.checkSettings()
}

// add resolves one listener, which becomes one for each address of a name.
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

// addOne puts one listener, whose address is known, to its engine's group.
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
		if err := p.secure(&ln, found); err != nil {
			return 0, err
		}
	}
	if !found.Caps().Serves(ln.Spec.Network) {
		return 0, usage.New(fmt.Sprintf("the %s engine does not serve %s (%s)", found.Name(), ln.Spec.Network, ln.Spec),
			"it serves "+strings.Join(found.Caps().Networks, ", "))
	}
	return p.assign(found, ln)
}

// engineOf is the name of the engine that is to serve s.
func (p *Plan) engineOf(s sock.Spec) string {
	switch {
	case s.Engine != "":
		return s.Engine
	case s.Network == "tls":
		return p.cfg.TLSEngine
	}
	return p.cfg.Engine
}

// secure gives a tls listener what it shows, and refuses one for which there is
// nothing, or on an engine that has no place for TLS.
func (p *Plan) secure(ln *engine.Listener, e engine.Engine) error {
	if !e.Caps().Serves("tls") {
		return usage.New(fmt.Sprintf("the %s engine does not serve tls (%s): crypto/tls reads and writes through Go's net package, which it does without", e.Name(), ln.Spec),
			"leave ?engine= away, and the "+p.cfg.TLSEngine+" engine serves it")
	}
	if p.cfg.TLS == nil {
		return usage.New(ln.Spec.String()+" needs a certificate",
			"add --tls-cert FILE --tls-key FILE; for tests, echod cert makes both")
	}
	ln.TLS = p.cfg.TLS
	return nil
}

// assign appends ln to the group of e, and returns which that is. An engine that is new to the plan must
// first show that it works here.
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

// checkTwins refuses an address that is listed twice: the second could only
// fail to bind.
func (p *Plan) checkTwins() error {
	seen := make(map[string]bool)
	for _, g := range p.groups {
		for _, ln := range g.listeners {
			free := ln.Spec.Network != "unix" && ln.Spec.Addr.Port() == 0
			place := ln.Spec
			place.Network = place.Transport() // one port is not for tcp and tls
			if url := place.String(); seen[url] {
				return usage.New(ln.Spec.String()+" is listed twice", "list it once")
			} else if !free {
				seen[url] = true
			}
		}
	}
	return nil
}

// checkSettings refuses a setting that no engine of the plan takes: it would
// silently do nothing.
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
			"lower the one or raise the other")
	}
	in := "with --engine " + strings.Join(names, ", ")
	if p.cfg.Settings.Loops != 0 && !loops {
		return usage.New("--loops means nothing "+in, "leave it away, or choose an engine that has loops")
	}
	if p.cfg.Settings.BusyPoll != 0 && !busyPoll {
		return usage.New("--busy-poll means nothing "+in, "leave it away, or choose --engine epoll")
	}
	return nil
}
