package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"echod/internal/agent"
	"echod/internal/dial"
	"echod/internal/ping"
	"echod/internal/usage"
)

// oneWayFlags are the flags of ping for the two directions of a path.
type oneWayFlags struct{ agent, agentUDP, token string }

func (f *oneWayFlags) register(flags *pflag.FlagSet) {
	flags.Var(serviceURL(&f.agent, "tcp", "tls"), "agent", "the remote agent, through the path, to measure each direction")
	flags.Var(serviceURL(&f.agentUDP, "udp"), "agent-udp", "the UDP port of the agent, through the path")
	flags.Var(token(&f.token), "token", "the token of the agent")
}

// check returns an error if the flags contradict each other, or the number of targets.
func (f *oneWayFlags) check(targets int) error {
	switch {
	case f.agent != "" && targets > 1:
		return usage.New("--agent is for one target", fmt.Sprintf("want one URL, got %d", targets))
	case f.agent != "":
		return nil
	case f.agentUDP != "":
		return usage.New("--agent-udp is for --agent", "add --agent URL")
	case f.token != "":
		return usage.New("--token is for --agent", "add --agent URL")
	}
	return nil
}

// udp returns the target for the datagrams of the agent.
func (f *oneWayFlags) udp() dial.Target {
	target := dial.Target{Network: "udp", Address: hostPort(f.agent)}
	if f.agentUDP != "" {
		target.Address = hostPort(f.agentUDP)
	}
	return target
}

// addresses returns the addresses in the flags.
func (f *oneWayFlags) addresses() []string {
	return []string{hostPort(f.agent), hostPort(f.agentUDP)}
}

// oneWay are the probes that the agent stamps.
type oneWay struct {
	stamper *agent.Stamper
	service bool // the agent is the service, so that its probes are those of the ping
	ways    ping.OneWay
	done    chan struct{} // closed when no more probes come
	err     error         // why the agent could not be reached last
	url     string        // of the agent's UDP port
}

// start sends the probes of config also to the agent, until sending or ctx ends. If the agent is
// the service, config is changed so that the agent stamps its probes. It returns nil without an
// agent, and an error if the agent cannot stamp.
func (f *oneWayFlags) start(ctx, sending context.Context, config *ping.Config) (*oneWay, error) {
	if f.agent == "" {
		return nil, nil
	}
	target, udp := config.Target, f.udp()
	target.Network, target.Address = network(f.agent), hostPort(f.agent)
	service := config.Target.Network == "udp" && config.Target.Address == udp.Address
	if service && config.Reconnect {
		return nil, usage.New("--reconnect and the agent as the service exclude each other", "omit --reconnect")
	}
	if most := ping.MaxSize - agent.StampSize; config.Size > most {
		return nil, usage.New(fmt.Sprintf("--size %d with --agent", config.Size), fmt.Sprintf("want at most %d: the stamps take %d bytes", most, agent.StampSize))
	}
	udp.Source, udp.Socket = target.Source, target.Socket
	client := &agent.Client{Target: target, Token: agent.NewSecret(f.token), Timeout: config.Timeout}
	if err := canStamp(sending, client); err != nil {
		return nil, &exitError{Unknown, fmt.Errorf("--agent %s: %w", f.agent, err)}
	}
	w := &oneWay{stamper: agent.NewStamper(ctx, client, udp), service: service, done: make(chan struct{}), url: udp.String()}
	if service {
		close(w.done)
		config.Target.Via = w.stamper.Dial
		return w, nil
	}
	beside := *config
	beside.Target, beside.Reconnect, beside.Stop = udp, false, sending.Done()
	beside.Target.Via = w.stamper.Dial
	beside.OnProbe = w.ways.Probe
	beside.OnConn = func(e ping.ConnEvent) { w.err = e.Err }
	prober, err := ping.New(beside)
	if err != nil {
		return nil, err
	}
	go func() {
		defer close(w.done)
		prober.Run(ctx)
	}()
	return w, nil
}

// canStamp returns an error if the agent cannot be reached, or does not stamp datagrams.
func canStamp(ctx context.Context, client *agent.Client) error {
	hello, err := client.Hello(ctx)
	switch {
	case err != nil:
		return err
	case slices.Contains(hello.Scenarios, agent.Timestamps):
		return nil
	}
	return errors.New("the agent is older: it does not stamp datagrams")
}

// probe adds an event of the ping. Nil adds nothing.
func (w *oneWay) probe(p ping.Probe) {
	if w != nil && w.service {
		w.ways.Probe(p)
	}
}

// end waits for the last probes, and returns the result; nil for a nil oneWay.
func (w *oneWay) end() *ping.OneWaySummary {
	if w == nil {
		return nil
	}
	<-w.done
	s, counts := w.ways.Summary(), w.stamper.Counts()
	s.URL, s.Sent, s.LostUnknown = w.url, counts.Sent, counts.LostUnknown
	s.There.Lost, s.There.Duplicated, s.There.Reordered = counts.LostThere, counts.There.Duplicated, counts.There.Reordered
	s.Back.Lost, s.Back.Duplicated, s.Back.Reordered = counts.LostBack, counts.Back.Duplicated, counts.Back.Reordered
	if s.Err = w.err; s.Err == nil {
		s.Err = counts.Err
	}
	return &s
}
