package comparison

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// none ignores the progress.
func none(int, Result) {}

// yardstick returns the server in C for a workload.
func yardstick(tools Tools, w Workload) Server {
	switch w.Kind {
	case Datagrams:
		return CDatagrams(tools)
	case Trains:
		return CTrains(tools)
	default:
		return CStreams(tools)
	}
}

func TestEveryWorkloadRunsWithC(t *testing.T) {
	b := shortRunner(t)
	workloads := slices.Concat(StreamWorkloads(), []Workload{ChurnWorkload()}, DatagramWorkloads(), TrainWorkloads())
	for _, w := range workloads {
		t.Run(w.Key(), func(t *testing.T) {
			w.Conns = min(w.Conns, 300)
			server := yardstick(b.Tools, w)
			var rounds int
			result, err := b.Run(t.Context(), Case{Workload: w, Servers: []Server{server}}, func(int, Result) { rounds++ })
			if err != nil || rounds != b.MaxPairs || len(result.Servers) != 2 {
				t.Fatalf("got %v, %d rounds and %d servers, want nil, %d and C twice", err, rounds, len(result.Servers), b.MaxPairs)
			}
			for _, e := range result.Servers {
				if e.Failure != "" || len(e.Slices) != b.MaxPairs {
					t.Fatalf("got %+v, want %d slices", e, b.MaxPairs)
				}
				for _, s := range e.Slices {
					if s.Messages <= 0 || s.Seconds < b.Measure.Seconds() || s.ClientSeconds <= 0 || s.ServerSeconds < 0 {
						t.Errorf("got %+v, want messages and CPU time for at least %v", s, b.Measure)
					}
				}
			}
			if c, ok := result.comparison(Versus{C + again, C}); !ok || c.Throughput.Pairs != b.MaxPairs {
				t.Errorf("got %+v, want C compared with itself", result.Comparisons)
			}
			if result.CannotTell() == "" {
				t.Error("two pairs are enough for a verdict, want too few")
			}
		})
	}
}

// TestSlicesHaveNewProcesses counts the starts of C and of C again in two rounds.
func TestSlicesHaveNewProcesses(t *testing.T) {
	for conns, want := range map[int]int{2: 4, mostNew: 4, mostNew + 1: 2} {
		b := shortRunner(t)
		started := t.TempDir() + "/started"
		c := CStreams(b.Tools)
		c.Argv = []string{"sh", "-c", "echo >>" + started + "; exec " + strings.Join(c.Argv, " ")}
		result, err := b.Run(t.Context(), Case{Workload: Workload{Stream, conns, 64, 1}, Servers: []Server{c}}, none)
		if err != nil || len(result.Servers[1].Slices) != 2 {
			t.Fatalf("%d connections: got %v, %+v, want two slices of C again", conns, err, result.Servers)
		}
		if got := len(read(started)); got != want {
			t.Errorf("%d connections: got %d starts, want %d", conns, got, want)
		}
	}
}

func TestTwoGeneratorsAreOneLoad(t *testing.T) {
	b := shortRunner(t)
	r, err := b.startContender(t.Context(), CStreams(b.Tools), Case{Workload: Workload{Stream, 10, 64, 1}, Free: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.stop()
	got, err := r.slice(b.Measure, 0)
	if err != nil || len(r.generators) != 2 || got.Messages < 1 || got.Seconds > 2*b.Measure.Seconds()+1 {
		t.Errorf("got %+v, %v from %d generators, want one sample of two", got, err, len(r.generators))
	}
}

func TestSampleOfTwoGeneratorsIsTheirSum(t *testing.T) {
	got := together([]Sample{
		{Seconds: 1, Messages: 100, All: 110, Lost: 1, ClientSeconds: 0.25, ServerSeconds: 0.5},
		{Seconds: 3, Messages: 50, All: 60, Lost: 2, ClientSeconds: 0.5, ServerSeconds: 0.25},
	})
	if want := (Sample{Seconds: 2, Messages: 150, All: 170, Lost: 3, ClientSeconds: 0.75, ServerSeconds: 0.375}); got != want {
		t.Errorf("got %+v, want %+v: the server is one", got, want)
	}
}

func TestFailedServerIsInTheResult(t *testing.T) {
	b := shortRunner(t)
	c := CStreams(b.Tools)
	m := Case{
		Workload: Workload{Stream, 100, 64, 1},
		Servers: []Server{
			c,
			{Name: "gone", Argv: []string{"sh", "-c", "echo url=tcp://127.0.0.1:1; exec sleep 60"}},
			{Name: "mute", Argv: []string{"sh", "-c", "echo no such flag; exit 2"}},
		},
	}
	result, err := b.Run(t.Context(), m, none)
	if err != nil {
		t.Fatal(err)
	}
	for name, failure := range map[string]string{C: "", C + again: "", "gone": "Connection refused", "mute": "no such flag"} {
		e, _ := result.server(name)
		if !strings.Contains(e.Failure, failure) || (failure == "") != (e.Failure == "") || (failure == "") != (len(e.Slices) == b.MaxPairs) {
			t.Errorf("%s: got %d slices and failure %q, want %q", name, len(e.Slices), e.Failure, failure)
		}
	}
}

func TestServerThatDiesInARoundFails(t *testing.T) {
	b := shortRunner(t)
	b.MaxPairs = 3
	c, pid := CStreams(b.Tools), t.TempDir()+"/pid"
	dying := Server{Name: "dying", Argv: []string{"sh", "-c", "echo $$ >" + pid + "; exec " + strings.Join(c.Argv, " ")}}
	m := Case{Workload: Workload{Stream, mostNew + 1, 64, 1}, Servers: []Server{c, dying}} // they stay up
	result, err := b.Run(t.Context(), m, func(round int, _ Result) {
		if n, err := strconv.Atoi(strings.TrimSpace(read(pid))); round == 0 && (err != nil || syscall.Kill(n, syscall.SIGKILL) != nil) {
			t.Errorf("the server could not be killed: %v", err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range result.Servers {
		if failed := e.Name == dying.Name; failed != (e.Failure != "") || failed != (len(e.Slices) == 1) {
			t.Errorf("%s: got %d slices and failure %q, want that only %s fails, after one slice", e.Name, len(e.Slices), e.Failure, dying.Name)
		}
	}
}

func TestCaseEndsIfItsBaseFails(t *testing.T) {
	b := shortRunner(t)
	gone := Server{Name: "gone", Argv: []string{"false"}}
	m := Case{Workload: Workload{Stream, 1, 64, 1}, Servers: []Server{gone, CStreams(b.Tools)}}
	var rounds int
	result, err := b.Run(t.Context(), m, func(int, Result) { rounds++ })
	if err != nil || rounds > 1 || result.Servers[0].Failure == "" {
		t.Errorf("got %v, %d rounds, %+v, want a failure of the base in the first round", err, rounds, result.Servers[0])
	}
}

func TestCanceledCaseIsAnError(t *testing.T) {
	b := shortRunner(t)
	b.MaxPairs = 100
	ctx, cancel := context.WithCancel(t.Context())
	m := Case{Workload: Workload{Stream, 1, 64, 1}, Servers: []Server{CStreams(b.Tools)}}
	if _, err := b.Run(ctx, m, func(int, Result) { cancel() }); err == nil {
		t.Error("got no error, want the error of the context")
	}
}

// TestDisturbedCaseEnds lets another process run on the CPU of the server all the time.
func TestDisturbedCaseEnds(t *testing.T) {
	b := shortRunner(t)
	if findRunTime().parse == nil {
		t.Skip("a kernel that says how long other processes run is needed: /proc/schedstat or cpuacct")
	}
	b.Tolerance, b.MaxPairs = NewRunner().Tolerance, 1000
	busy := pinnedCommand(t.Context(), strconv.Itoa(b.ServerCPU), "sh", "-c", "while :; do :; done")
	if err := busy.Start(); err != nil {
		t.Fatal(err)
	}
	defer killCommand(busy, nil)
	m := Case{Workload: Workload{Stream, 10, 64, 1}, Servers: []Server{CStreams(b.Tools)}}
	result, err := b.Run(t.Context(), m, none)
	if err != nil || !result.Disturbed || result.Tried > fewSlices+2*tries || result.Discards() < result.Tried/2 {
		t.Fatalf("got %v, %d of %d slices thrown away, want most of about %d, and the end", err, result.Discards(), result.Tried, fewSlices)
	}
	for _, e := range result.Servers {
		first := 0
		for _, discarded := range e.Discarded {
			if discarded.Round == 0 {
				first++
			}
		}
		if kept := len(e.Slices) > 0 && e.Slices[0].Round == 0; !kept && first != tries {
			t.Errorf("%s had %d slices in the first round, want %d: a disturbed one is measured again", e.Name, first, tries)
		}
	}
	if why := result.CannotTell(); !strings.Contains(why, "slices were disturbed") {
		t.Errorf("got %q, want that the slices were disturbed", why)
	}
}

func TestDecidedServersLeaveTheRounds(t *testing.T) {
	constant := func(rate float64, n int) []Slice {
		var all []Slice
		for i := range n {
			all = append(all, Slice{i, Sample{Seconds: 1, Messages: rate, ClientSeconds: 1}})
		}
		return all
	}
	varied := constant(100, 100)
	for i := range varied {
		varied[i].Messages += float64(i * 37 % 100)
	}
	m := Case{Servers: []Server{{Name: C}, {Name: C + again}, {Name: "varied"}, {Name: "young"}, {Name: "failed"}}}
	result := Result{Servers: []ServerResult{
		{Name: C, Slices: constant(100, 100)},
		{Name: C + again, Slices: constant(101, minPairs)},
		{Name: "varied", Slices: varied},
		{Name: "young", Slices: constant(100, minPairs-1)},
		{Name: "failed", Failure: "the reason"},
	}}
	c := &cell{Runner: NewRunner(), m: m, pairs: m.versus(), result: &result}
	undecided := slices.DeleteFunc(slices.Clone(c.pairs), c.decided)
	if got, want := c.taking(undecided), []int{0, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("got %v in the next round, want %v: the base, and what is not decided", got, want)
	}
	if got := c.taking(nil); len(got) > 0 {
		t.Errorf("all decided: got %v in the next round, want none", got)
	}
	if c.pairs = []Versus{{"varied", C + again}}; c.decided(c.pairs[0]) {
		t.Error("a pair without the base is decided, want that its own interval counts")
	}
	if got, want := c.taking(c.pairs), []int{1, 2}; !slices.Equal(got, want) {
		t.Errorf("got %v in the next round, want %v: both of the pair", got, want)
	}
}

func TestOrderDependsOnlyOnTheSeed(t *testing.T) {
	b := NewRunner()
	order := func(seed uint64) []int {
		b.Seed = seed
		c := b.newCell(Case{Workload: Workload{Stream, 1, 64, 1}, Servers: []Server{{Name: C}}}, &Result{})
		return c.random.Perm(100)
	}
	if !slices.Equal(order(1), order(1)) || slices.Equal(order(1), order(2)) {
		t.Error("want the same order for the same seed, and another one for another")
	}
}

func TestIdleConnectionsNeedNoMemoryInC(t *testing.T) {
	b := shortRunner(t)
	m := Case{Workload: Workload{Idle, 1000, 64, 1}, Servers: []Server{CStreams(b.Tools)}}
	result, err := b.Run(t.Context(), m, none)
	if err != nil || result.Servers[0].Failure != "" || len(result.Servers[0].IdleBytes) != b.MaxPairs {
		t.Fatalf("got %v, %+v", err, result.Servers)
	}
	// C has a pointer for each descriptor, and memory is counted in pages.
	if got := result.Servers[0].IdleBytes[0]; got < 0 || got > 64 {
		t.Errorf("got %v bytes a connection, want 0 to 64", got)
	}
}

// TestGeneratorUsesNoCPUBetweenSlices also fails if something is in flight then: the server
// would answer.
func TestGeneratorUsesNoCPUBetweenSlices(t *testing.T) {
	b := shortRunner(t)
	for _, w := range []Workload{{Stream, 50, 64, 16}, {Churn, 5, 64, 1}, {Datagrams, 4, 64, 8}} {
		t.Run(w.Key(), func(t *testing.T) {
			r, err := b.startContender(t.Context(), yardstick(b.Tools, w), Case{Workload: w})
			if err != nil {
				t.Fatal(err)
			}
			defer r.stop()
			if _, err := r.slice(b.Measure, 0); err != nil {
				t.Fatal(err)
			}
			used := func() (sum time.Duration) {
				for _, pid := range r.pids() {
					waitUntilAsleep(t, pid)
					one, err := cpuTime(pid)
					if err != nil {
						t.Fatal(err)
					}
					sum += one
				}
				return sum
			}
			before := used()
			time.Sleep(20 * time.Millisecond) // nothing happens in it, so there is no event
			if after := used(); after != before {
				t.Errorf("server and client used %v between slices, want nothing", after-before)
			}
		})
	}
}

// waitUntilAsleep waits until a process waits for input.
func waitUntilAsleep(t *testing.T, pid int) {
	t.Helper()
	for range 10000 {
		if _, state, ok := strings.Cut(read("/proc/"+strconv.Itoa(pid)+"/stat"), ") "); ok && strings.HasPrefix(state, "S") {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("process %d does not wait", pid)
}

func TestActiveConnectionsReachTheGenerator(t *testing.T) {
	b := shortRunner(t)
	m := Case{Workload: Workload{Stream, 2, 64, 1}}
	for active, want := range map[int]string{0: "", 1: "", 2: "", 3: "ACTIVE (1 to the number of connections)"} {
		m.Active = active
		r, err := b.startContender(t.Context(), CStreams(b.Tools), m)
		if err == nil {
			r.stop()
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%d active: got %v, want an error with %q", active, err, want)
		}
	}
}
