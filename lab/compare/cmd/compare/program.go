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
	a, b  string // two builds of echod
}

func build(ctx context.Context, opts options, module, dir string) (programs, error) {
	tools, err := comparison.BuildTools(ctx, module, dir)
	if err != nil {
		return programs{}, err
	}
	p := programs{tools: tools, echod: opts.echod, dir: dir}
	repo := filepath.Dir(filepath.Dir(module))
	if opts.a != "" {
		if p.a, err = comparison.FindBuild(ctx, repo, opts.a, filepath.Join(dir, "a")); err != nil {
			return programs{}, err
		}
		p.b, err = comparison.FindBuild(ctx, repo, opts.b, filepath.Join(dir, "b"))
		return p, err
	}
	if p.echod == "" {
		if p.echod, err = comparison.BuildEchod(ctx, repo, dir); err != nil {
			return programs{}, err
		}
	}
	if opts.goServers {
		err = comparison.BuildGoServers(ctx, module, p.dir)
	}
	return p, err
}

const (
	busyPoll  = 100 * time.Microsecond
	loopConns = 1000 // for several loops
)

// cases returns all cases.
func (p programs) cases(opts options) []comparison.Case {
	var all []comparison.Case
	for _, w := range comparison.StreamWorkloads() {
		servers := p.servers(opts, w)
		if w.Conns == 1 && w.Size == 64 && opts.reactor() != "" {
			servers = append(servers, comparison.BusyPoll(p.echod, opts.reactor(), busyPoll))
		}
		all = append(all, comparison.Case{Workload: w, Servers: servers})
	}
	all = append(all, comparison.Case{Workload: comparison.ChurnWorkload(), Servers: p.servers(opts, comparison.ChurnWorkload())})
	for _, w := range comparison.DatagramWorkloads() {
		all = append(all, comparison.Case{Workload: w, Servers: p.servers(opts, w)})
	}
	for _, w := range comparison.TrainWorkloads() {
		servers := append(p.servers(opts, w), comparison.CSingleDatagrams(p.tools))
		all = append(all, comparison.Case{Workload: w, Servers: servers})
	}
	all = append(all, comparison.Case{Workload: comparison.IdleWorkload(), Servers: p.servers(opts, comparison.IdleWorkload())})
	if opts.reactor() == "" {
		return all
	}
	return append(all, comparison.Case{
		Workload: comparison.Workload{Kind: comparison.Stream, Conns: loopConns, Size: 64, Depth: 1},
		Servers: []comparison.Server{
			comparison.Loops(p.echod, opts.reactor(), "1"),
			comparison.Loops(p.echod, opts.reactor(), "2"),
		},
		Free: true,
	})
}

// servers returns the servers for a workload: C, the engines of echod, the other C server of
// -uring, and the Go servers.
func (p programs) servers(opts options, w comparison.Workload) []comparison.Server {
	network := w.Network()
	all := []comparison.Server{p.base(w)}
	for _, engine := range opts.engines {
		all = append(all, comparison.Echod(p.echod, engine, network))
	}
	if opts.uring && network == "tcp" {
		all = append(all, comparison.CStreamsOnUring(p.tools))
	}
	if opts.goServers {
		all = append(all, comparison.GoServers(p.dir, network)...)
	}
	return all
}

// base returns the C server for a workload.
func (p programs) base(w comparison.Workload) comparison.Server {
	switch w.Kind {
	case comparison.Datagrams:
		return comparison.CDatagrams(p.tools)
	case comparison.Trains:
		return comparison.CTrains(p.tools)
	default:
		return comparison.CStreams(p.tools)
	}
}

// chosen returns the cases to run: those of -only, or the one of -a and -b.
func (p programs) chosen(opts options) []comparison.Case {
	selected := opts.selected(p.cases(opts))
	if opts.a == "" {
		return selected
	}
	w := selected[0].Workload
	return []comparison.Case{comparison.BuildsCase(w, p.base(w),
		comparison.Echod(p.a, opts.engines[0], w.Network()),
		comparison.Echod(p.b, opts.engines[0], w.Network()))}
}
