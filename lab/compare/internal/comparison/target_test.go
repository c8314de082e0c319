package comparison

import (
	"math"
	"strings"
	"testing"
)

// at returns a server with this throughput and this CPU time per message, as ratios to C. Its
// slices differ by 1 % from each other, at random but like those of all others.
func at(name string, throughput, cpu float64) ServerResult {
	e := ServerResult{Name: name}
	for i := range 2 * minPairs {
		rate := 1000 * throughput * (1 + 0.01*float64(i%3-1))
		e.Slices = append(e.Slices, Slice{i, Sample{Seconds: 1, Messages: rate, ClientSeconds: rate * cpu}})
	}
	return e
}

// busyAt returns a server like at, and the shares of their CPUs that the server and the generator
// use.
func busyAt(name string, throughput, server, client float64) ServerResult {
	e := at(name, throughput, 1)
	for i := range e.Slices {
		e.Slices[i].ServerSeconds, e.Slices[i].ClientSeconds = server, client
	}
	return e
}

// noisy returns a server whose ratios to others have an interval of some percent around
// throughput.
func noisy(name string, throughput float64) ServerResult {
	e := at(name, throughput, 1)
	for i := range e.Slices {
		e.Slices[i].Messages *= 1 + 0.1*float64(i*7%11-5)/5
	}
	return e
}

func held(name string, bytes ...float64) ServerResult {
	return ServerResult{Name: name, IdleBytes: bytes}
}

// compared returns a result with the comparisons that a Runner makes. C again is as fast as C
// unless entries have it.
func compared(r Result) Result {
	if _, ok := r.server(r.Servers[0].Name + again); !ok && r.Workload.Kind != Idle {
		itself := r.Servers[0]
		itself.Name, itself.Discarded = itself.Name+again, nil
		r.Servers = append(r.Servers, itself)
	}
	m := Case{Workload: r.Workload, Free: r.Free, Pairs: []Versus{{BuildA, BuildB}}}
	for _, e := range r.Servers {
		m.Servers = append(m.Servers, Server{Name: e.Name})
	}
	c := &cell{result: &r}
	c.compare(m.versus())
	return r
}

func TestVerdicts(t *testing.T) {
	small, udp := Workload{Stream, 50, 64, 1}, Workload{Datagrams, 1, 64, 1}
	failed := ServerResult{Name: epoll, Failure: "the reason"}
	few := at(epoll, 1, 1)
	few.Slices = few.Slices[:minPairs-1]
	tests := []struct {
		name    string
		w       Workload
		entries []ServerResult
		want    []string // server/base verdict
	}{
		{"as good as C", small, []ServerResult{at(C, 1, 1), at(epoll, 1, 1)}, []string{"echod epoll/C met"}},
		{"exactly the limit", small, []ServerResult{at(C, 1, 1), at(epoll, 0.97001, 1)}, []string{"echod epoll/C met"}},
		{"too slow", small, []ServerResult{at(C, 1, 1), at(epoll, 0.96, 1)}, []string{"echod epoll/C missed"}},
		{"the goal is in the interval", small, []ServerResult{at(C, 1, 1), noisy(epoll, 0.98)}, []string{"echod epoll/C not told apart"}},
		{"UDP has another goal", udp, []ServerResult{at(C, 1, 1), at(epoll, 0.99, 1)}, []string{"echod epoll/C missed"}},
		{"C is not told apart from itself", small, []ServerResult{at(C, 1, 1), at(C+again, 1.1, 1), at(epoll, 1.2, 1)},
			[]string{"echod epoll/C not told apart: C is at 1.100 (1.100–1.100) of itself"}},
		{"too few pairs", small, []ServerResult{at(C, 1, 1), few}, []string{"echod epoll/C not told apart: 19 pairs, want 20"}},
		{"behind another server", small, []ServerResult{at(C, 1, 1), at(epoll, 0.98, 1), at("gnet", 0.99, 1)},
			[]string{"echod epoll/C met", "echod epoll/gnet missed"}},
		{"ahead of another server", small, []ServerResult{at(C, 1, 1), at(epoll, 0.98, 1), at("gnet", 0.97, 1)},
			[]string{"echod epoll/C met", "echod epoll/gnet met"}},
		{"C io_uring is no rival", small, []ServerResult{at(C, 1, 1), at(epoll, 0.98, 1), at(CUring, 1.1, 1)}, []string{"echod epoll/C met"}},
		{"another server failed", small, []ServerResult{at(C, 1, 1), at(epoll, 0.98, 1), {Name: "gnet", Failure: "lost data"}}, []string{"echod epoll/C met"}},
		{"failed", small, []ServerResult{at(C, 1, 1), failed}, []string{"echod epoll/C failed: echod epoll"}},
		{"C failed", small, []ServerResult{{Name: C, Failure: "the reason"}, at(epoll, 1, 1)}, []string{"echod epoll/C failed: C"}},
		{"the base of net is io.Copy", small, []ServerResult{at(C, 1, 1), at("echod net", 0.8, 1), at(IOCopy, 0.79, 1)}, []string{"echod net/net io.Copy met"}},
		{"net slower than io.Copy", small, []ServerResult{at(C, 1, 1), at("echod net", 0.7, 1), at(IOCopy, 0.8, 1)}, []string{"echod net/net io.Copy missed"}},
		{"net where io.Copy failed", small, []ServerResult{at(C, 1, 1), at("echod net", 0.7, 1), {Name: IOCopy, Failure: "descriptors"}}, nil},
		{"memory", IdleWorkload(), []ServerResult{held(C, 0), held(epoll, 66.4, 65), held("echod net", 3072), held("gnet", 500)},
			[]string{"echod epoll/ met", "echod net/ met"}},
		{"too much memory", IdleWorkload(), []ServerResult{held(C, 0), held(epoll, 67, 68), held("echod net", 3073)},
			[]string{"echod epoll/ missed", "echod net/ missed"}},
		{"memory on both sides of the goal", IdleWorkload(), []ServerResult{held(C, 0), held(epoll, 66, 68)}, []string{"echod epoll/ not told apart"}},
		{"memory that was not measured", IdleWorkload(), []ServerResult{held(C, 0), held(epoll)}, []string{"echod epoll/ not told apart: nothing was measured"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range compared(Result{Workload: tt.w, Servers: tt.entries}).Checks() {
				got = append(got, c.Goal.Server+"/"+c.Goal.Base+" "+strings.ReplaceAll(c.String(), "*", ""))
			}
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestGeneratorThatIsTheLimitTellsOnlyWhatIsCertain has servers that the generator limits: they may be
// faster.
func TestGeneratorThatIsTheLimitTellsOnlyWhatIsCertain(t *testing.T) {
	const limit = "not told apart: the generator is the limit: it uses "
	tests := []struct {
		name    string
		c, gnet ServerResult
		epoll   ServerResult
		want    []string // of epoll relative to C, and to gnet
	}{
		{"all servers are busy", busyAt(C, 1, 0.99, 0.96), busyAt("gnet", 0.9, 0.95, 0.96), busyAt(epoll, 1, 0.91, 0.96), []string{"met", "met"}},
		{"C may be faster", busyAt(C, 1, 0.75, 0.96), busyAt("gnet", 0.9, 0.95, 0.96), busyAt(epoll, 1, 0.95, 0.97),
			[]string{limit + "96 % of its CPU, C 75 %", "met"}},
		{"echod may be faster", busyAt(C, 1, 0.99, 0.9), busyAt("gnet", 1.1, 0.95, 0.9), busyAt(epoll, 1, 0.83, 0.96),
			[]string{"met", limit + "96 % of its CPU, echod epoll 83 %"}},
		{"C is not reached, and may be still faster", busyAt(C, 1, 0.75, 0.96), busyAt("gnet", 0.5, 0.95, 0.9), busyAt(epoll, 0.9, 0.99, 0.96), []string{"missed", "met"}},
		{"all may be faster", busyAt(C, 1, 0.75, 0.96), busyAt("gnet", 1.1, 0.87, 0.95), busyAt(epoll, 1, 0.83, 0.96),
			[]string{limit + "96 % of its CPU, C 75 %", limit + "96 % of its CPU, echod epoll 83 %"}},
		{"neither is busy", busyAt(C, 1, 0.42, 0.42), busyAt("gnet", 1.1, 0.41, 0.44), busyAt(epoll, 1, 0.4, 0.41), []string{"met", "missed"}},
		{"not measured", busyAt(C, 1, 0, 0.99), busyAt("gnet", 1.1, 0, 0.99), busyAt(epoll, 1, 0, 0.99), []string{"met", "missed"}},
	}
	for _, tt := range tests {
		r := compared(Result{Workload: ChurnWorkload(), Servers: []ServerResult{tt.c, tt.epoll, tt.gnet}})
		for i, c := range r.Checks() {
			if got := strings.ReplaceAll(c.String(), "*", ""); got != tt.want[i] {
				t.Errorf("%s: epoll relative to %s: got %q, want %q", tt.name, c.Goal.Base, got, tt.want[i])
			}
		}
	}
	free := compared(Result{Workload: Workload{Stream, 1000, 64, 1}, Free: true, Servers: []ServerResult{
		busyAt("echod epoll --loops 1", 1, 0.8, 1.2), busyAt("echod epoll --loops 2", 1.1, 0.8, 1.2),
	}})
	if got := free.Checks()[0].String(); got != "met" {
		t.Errorf("server and generator share their CPUs: got %q, want met", got)
	}
	noisy := noisy(epoll, 0.97)
	for i := range noisy.Slices {
		noisy.Slices[i].ServerSeconds, noisy.Slices[i].ClientSeconds = 0.83, 0.98
	}
	r := compared(Result{Workload: ChurnWorkload(), Servers: []ServerResult{busyAt(C, 1, 0.75, 0.96), noisy}})
	if got, want := r.Checks()[0].String(), limit+"96 % of its CPU, echod epoll 83 %, C 75 %"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDisturbedCaseHasNoVerdict(t *testing.T) {
	r := compared(Result{Workload: Workload{Stream, 50, 64, 1}, Servers: []ServerResult{at(C, 1, 1), at(epoll, 0.5, 1)}})
	r.Tried, r.Disturbed = 60, true
	r.Servers[1].Discarded = make([]Discard, 40)
	if got, want := r.Checks()[0].String(), "not told apart: 40 of 60 slices were disturbed"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTwoLoopsAreComparedWithOne(t *testing.T) {
	one, two := at("echod epoll --loops 1", 1, 1), at("echod epoll --loops 2", 1.2, 1)
	one.Shares, two.Shares = [][]int{{1000}}, [][]int{{500, 500}, {560, 440}}
	checks := compared(Result{Workload: Workload{Stream, 1000, 64, 1}, Free: true, Servers: []ServerResult{one, two}}).Checks()
	if len(checks) != 2 || checks[0].Verdict != Met || checks[1].Verdict != Missed || checks[1].Measured() != "1.27" {
		t.Errorf("got %+v, want throughput met, and shares of 1.27 missed", checks)
	}
}

func TestImbalanceIsTheHighestRatio(t *testing.T) {
	tests := []struct {
		shares [][]int
		want   float64
	}{
		{[][]int{{500, 500}}, 1},
		{[][]int{{500, 500}, {600, 400}, {510, 490}}, 1.5},
		{[][]int{{1000}}, math.Inf(1)},
	}
	for _, tt := range tests {
		if got := (ServerResult{Shares: tt.shares}).Imbalance(); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.shares, got, tt.want)
		}
	}
}

func TestVerdictOfTwoBuilds(t *testing.T) {
	few := at(BuildA, 2, 1)
	few.Slices = few.Slices[:3]
	tests := []struct {
		name string
		a    ServerResult
		want string
	}{
		{"faster", at(BuildA, 1.01, 1), "A is faster"},
		{"slower", at(BuildA, 0.99, 1), "B is faster"},
		{"the same", at(BuildA, 1, 1), "no difference of 2 %"},
		{"too noisy", noisy(BuildA, 1), "not told apart"},
		{"too few", few, "not told apart: 3 pairs, want 20"},
		{"faster, with a generator that is the limit", busyAt(BuildA, 1.1, 0.8, 0.95), "A is faster"},
		{"slower, and may be faster", busyAt(BuildA, 0.9, 0.8, 0.95), "not told apart: the generator is the limit: it uses 95 % of its CPU, A 80 %"},
		{"the same, and may be faster", busyAt(BuildA, 1, 0.8, 0.95), "not told apart: the generator is the limit: it uses 95 % of its CPU, A 80 %"},
	}
	for _, tt := range tests {
		r := compared(Result{Workload: Workload{Stream, 50, 64, 1}, Servers: []ServerResult{at(C, 1, 1), tt.a, at(BuildB, 1, 1)}})
		if got, ok := r.CompareBuilds(); !ok || got.Verdict != tt.want {
			t.Errorf("%s: got %q at %v, want %q", tt.name, got.Verdict, got.Throughput, tt.want)
		}
	}
}
