package main

import (
	"context"
	"path/filepath"
	"time"

	"echod/lab/compare/internal/contest"
)

// programs are what was built.
type programs struct {
	tools contest.Tools
	echod string
	peers string // a directory
}

func build(ctx context.Context, opts options, module, dir string) (programs, error) {
	tools, err := contest.BuildTools(ctx, module, dir)
	if err != nil || opts.aa {
		return programs{tools: tools}, err
	}
	p := programs{tools: tools, echod: opts.echod, peers: dir}
	if p.echod == "" {
		if p.echod, err = contest.BuildEchod(ctx, filepath.Dir(module), dir); err != nil {
			return programs{}, err
		}
	}
	if opts.peers {
		err = contest.BuildPeers(ctx, module, p.peers)
	}
	return p, err
}

const (
	busyPoll  = 100 * time.Microsecond
	idleMost  = 3    // rounds: memory hardly varies, and a round takes long
	loopConns = 1000 // that several loops share
)

// matches are all of them, before any is chosen.
func (p programs) matches(opts options) []contest.Match {
	var all []contest.Match
	for _, w := range contest.Streams() {
		who := p.who(opts, "tcp")
		if w.Conns == 1 && w.Size == 64 && !opts.aa && opts.reactor() != "" {
			who = append(who, contest.BusyPoll(p.echod, opts.reactor(), busyPoll))
		}
		all = append(all, contest.Match{Workload: w, Contenders: who, Rounds: opts.rounds})
	}
	all = append(all, contest.Match{Workload: contest.Comings(), Contenders: p.who(opts, "tcp"), Rounds: opts.rounds})
	for _, w := range contest.UDP() {
		all = append(all, contest.Match{Workload: w, Contenders: p.who(opts, "udp"), Rounds: opts.rounds})
	}
	all = append(all, contest.Match{Workload: contest.Held(), Contenders: p.who(opts, "tcp"), Rounds: min(opts.rounds, idleMost)})
	if opts.aa || opts.reactor() == "" {
		return all
	}
	return append(all, contest.Match{
		Workload: contest.Workload{Kind: contest.Stream, Conns: loopConns, Size: 64, Depth: 1},
		Contenders: []contest.Contender{
			contest.Loops(p.echod, opts.reactor(), "1"),
			contest.Loops(p.echod, opts.reactor(), "2"),
		},
		Rounds: opts.rounds,
		Free:   true,
	})
}

// who meets over a network: C, our engines, and the peers after them, so that
// the engine net sits beside io.Copy if it comes last.
func (p programs) who(opts options, network string) []contest.Contender {
	base := contest.CStreams(p.tools)
	if network == "udp" {
		base = contest.CDatagrams(p.tools)
	}
	all := []contest.Contender{base}
	if opts.aa {
		base.Name += " again"
		return append(all, base)
	}
	for _, engine := range opts.engines {
		all = append(all, contest.Echod(p.echod, engine, network))
	}
	if opts.peers {
		all = append(all, contest.Peers(p.peers, network)...)
	}
	return all
}
