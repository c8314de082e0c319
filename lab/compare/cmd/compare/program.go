package main

import (
	"context"
	"path/filepath"
	"time"

	"echod/lab/compare/internal/comparison"
)

// programs are the programs that were built.
type programs struct {
	tools comparison.Tools
	echod string
	dir   string // of the Go servers
}

func build(ctx context.Context, opts options, module, dir string) (programs, error) {
	tools, err := comparison.BuildTools(ctx, module, dir)
	if err != nil || opts.aa {
		return programs{tools: tools}, err
	}
	p := programs{tools: tools, echod: opts.echod, dir: dir}
	if p.echod == "" {
		if p.echod, err = comparison.BuildEchod(ctx, filepath.Dir(filepath.Dir(module)), dir); err != nil {
			return programs{}, err
		}
	}
	if opts.goServers {
		err = comparison.BuildGoServers(ctx, module, p.dir)
	}
	return p, err
}

const (
	busyPoll   = 100 * time.Microsecond
	idleRounds = 3    // at most: memory varies little, and a round takes long
	loopConns  = 1000 // for several loops
)

// cases returns all cases.
func (p programs) cases(opts options) []comparison.Case {
	var all []comparison.Case
	for _, w := range comparison.StreamWorkloads() {
		servers := p.servers(opts, "tcp")
		if w.Conns == 1 && w.Size == 64 && !opts.aa && opts.reactor() != "" {
			servers = append(servers, comparison.BusyPoll(p.echod, opts.reactor(), busyPoll))
		}
		all = append(all, comparison.Case{Workload: w, Servers: servers, Rounds: opts.rounds})
	}
	all = append(all, comparison.Case{Workload: comparison.ChurnWorkload(), Servers: p.servers(opts, "tcp"), Rounds: opts.rounds})
	for _, w := range comparison.DatagramWorkloads() {
		all = append(all, comparison.Case{Workload: w, Servers: p.servers(opts, "udp"), Rounds: opts.rounds})
	}
	for _, w := range comparison.TrainWorkloads() {
		all = append(all, comparison.Case{Workload: w, Servers: p.trainServers(opts), Rounds: opts.rounds})
	}
	all = append(all, comparison.Case{Workload: comparison.IdleWorkload(), Servers: p.servers(opts, "tcp"), Rounds: min(opts.rounds, idleRounds)})
	if opts.aa || opts.reactor() == "" {
		return all
	}
	return append(all, comparison.Case{
		Workload: comparison.Workload{Kind: comparison.Stream, Conns: loopConns, Size: 64, Depth: 1},
		Servers: []comparison.Server{
			comparison.Loops(p.echod, opts.reactor(), "1"),
			comparison.Loops(p.echod, opts.reactor(), "2"),
		},
		Rounds: opts.rounds,
		Free:   true,
	})
}

// servers returns the servers on a network: C, the engines of echod, the other C servers of
// -uring and -again, and the Go servers. Without these flags, the engine net is next to
// io.Copy if it is the last engine.
func (p programs) servers(opts options, network string) []comparison.Server {
	base := comparison.CStreams(p.tools)
	if network == "udp" {
		base = comparison.CDatagrams(p.tools)
	}
	return p.serversAfter(base, opts, network)
}

// trainServers returns the servers for trains of datagrams. The Go servers receive the
// datagrams of a train one by one.
func (p programs) trainServers(opts options) []comparison.Server {
	all := p.serversAfter(comparison.CTrains(p.tools), opts, "udp")
	if opts.aa {
		return all
	}
	return append(all, comparison.CSingleDatagrams(p.tools))
}

func (p programs) serversAfter(base comparison.Server, opts options, network string) []comparison.Server {
	all := []comparison.Server{base}
	if opts.aa {
		return append(all, comparison.Again(base))
	}
	for _, engine := range opts.engines {
		all = append(all, comparison.Echod(p.echod, engine, network))
	}
	if opts.uring && network == "tcp" {
		all = append(all, comparison.CStreamsOnUring(p.tools))
	}
	if opts.again {
		all = append(all, comparison.Again(base))
	}
	if opts.goServers {
		all = append(all, comparison.GoServers(p.dir, network)...)
	}
	return all
}
