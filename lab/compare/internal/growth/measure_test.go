package growth

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"echod/lab/compare/internal/comparison"
)

// named returns servers that cannot run.
func named() map[string]comparison.Server {
	all := map[string]comparison.Server{}
	for _, name := range Servers {
		all[name] = comparison.Server{Name: name}
	}
	return all
}

func TestCasesMeasureEveryPointOfTheCharts(t *testing.T) {
	type point struct {
		server        string
		conns, active int
	}
	got := map[point]int{}
	for _, m := range cases(named(), 1) {
		for _, s := range m.Servers {
			got[point{s.Name, m.Workload.Conns, m.Active}]++
		}
	}
	want := map[point]int{}
	for _, p := range sampleReport().Points {
		if p.Active > 0 || Idle.has(p.Conns) {
			want[point{p.Server, p.Conns, p.Active}] = 1
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestOrderOfTheCasesIsRandomAndDependsOnTheSeed(t *testing.T) {
	conns := func(seed uint64) []int {
		var all []int
		for _, m := range cases(named(), seed) {
			all = append(all, m.Workload.Conns)
		}
		return all
	}
	first := conns(1)
	if !slices.Equal(first, conns(1)) || slices.Equal(first, conns(2)) || slices.IsSorted(first) {
		t.Errorf("got %v, %v and %v", first, conns(1), conns(2))
	}
}

func TestPointsHaveTheSlicesAndNotCAgain(t *testing.T) {
	c := comparison.Server{Name: comparison.C}
	sample := comparison.Sample{Seconds: 1, Messages: 2, ServerSeconds: 3}
	m := comparison.Case{Workload: comparison.Workload{Kind: comparison.Stream, Conns: 10}, Active: 3}
	got := inOrder(pointsOf(m, comparison.Result{Servers: []comparison.ServerResult{
		{Name: comparison.EchodName("poll"), Failure: "gone"},
		{Name: comparison.Again(c).Name, Slices: []comparison.Slice{{Sample: sample}}},
		{Name: comparison.C, Slices: []comparison.Slice{{Sample: sample}}, Discarded: make([]comparison.Discard, 4)},
	}}))
	want := []Point{
		{Server: comparison.C, Conns: 10, Active: 3, Slices: []comparison.Sample{sample}, Discarded: 4},
		{Server: comparison.EchodName("poll"), Conns: 10, Active: 3, Failure: "gone"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestCanceledMeasurementIsAnError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cases := 0
	_, err := Measure(ctx, Runner(comparison.NewRunner()), named(), func(comparison.Case, time.Duration) {
		cases++
		cancel()
	})
	if err == nil || cases != 1 {
		t.Errorf("got %v after %d cases, want an error after one", err, cases)
	}
}
