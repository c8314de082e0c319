package growth

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"echod/lab/compare/internal/comparison"
)

// size is the size of a message in bytes.
const size = 64

// The rules of a case: a number of connections of which some are active, on all servers.
const (
	rounds = 5                // slices of each server
	limit  = 12 * time.Second // of these rounds, if many slices are thrown away
)

// Runner returns r with the rules of growth: a few rounds without latency and costs.
func Runner(r comparison.Runner) comparison.Runner {
	r.MaxPairs, r.Limit = min(rounds, r.MaxPairs), limit
	r.Bench, r.Costs = "", false
	return r
}

// cases returns all cases, in random order, so that a drift of the machine is not a slope.
func cases(servers map[string]comparison.Server, seed uint64) []comparison.Case {
	var all []comparison.Case
	for _, conns := range Conns {
		var these []comparison.Server
		for _, name := range Servers {
			if reaches(name, conns) {
				these = append(these, servers[name])
			}
		}
		add := func(kind comparison.Kind, active int) {
			w := comparison.Workload{Kind: kind, Conns: conns, Size: size, Depth: 1}
			all = append(all, comparison.Case{Workload: w, Servers: these, Active: active})
		}
		for _, active := range actives(conns) {
			add(comparison.Stream, active)
		}
		if Idle.has(conns) {
			add(comparison.Idle, 0)
		}
	}
	random := rand.New(rand.NewPCG(seed, uint64(len(all))))
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// Measure runs all cases on servers, which are by name. It calls progress before each case, with
// how long the rest takes on a quiet machine.
func Measure(ctx context.Context, b comparison.Runner, servers map[string]comparison.Server, progress func(m comparison.Case, left time.Duration)) ([]Point, error) {
	all := cases(servers, b.Seed)
	var left time.Duration
	for _, m := range all {
		left += runner(b, m).Expected(m)
	}
	var points []Point
	for _, m := range all {
		progress(m, left)
		left -= runner(b, m).Expected(m)
		result, err := runner(b, m).Run(ctx, m, func(int, comparison.Result) {})
		if err != nil {
			return nil, err
		}
		points = append(points, pointsOf(m, result)...)
	}
	return inOrder(points), nil
}

// runner returns the runner of a case. Memory varies little and takes long, so it is measured once.
func runner(b comparison.Runner, m comparison.Case) comparison.Runner {
	if m.Workload.Kind == comparison.Idle {
		b.MaxPairs = 1
	}
	return b
}

// pointsOf returns a point for each server of a case.
func pointsOf(m comparison.Case, result comparison.Result) []Point {
	var points []Point
	for _, s := range result.Servers {
		p := Point{Server: s.Name, Conns: m.Workload.Conns, Active: m.Active, Discarded: len(s.Discarded), IdleBytes: s.IdleBytes, Failure: s.Failure}
		for _, slice := range s.Slices {
			p.Slices = append(p.Slices, slice.Sample)
		}
		points = append(points, p)
	}
	return points
}

// inOrder returns the points without those of C again, by server, connections and active
// connections.
func inOrder(points []Point) []Point {
	points = slices.DeleteFunc(points, func(p Point) bool { return !slices.Contains(Servers, p.Server) })
	slices.SortFunc(points, func(a, b Point) int {
		return cmp.Or(slices.Index(Servers, a.Server)-slices.Index(Servers, b.Server), a.Conns-b.Conns, a.Active-b.Active)
	})
	return points
}
