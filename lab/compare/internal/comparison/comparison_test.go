package comparison

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// toolsDir is the directory of the C programs.
var toolsDir string

func TestMain(m *testing.M) {
	var err error
	if toolsDir, err = os.MkdirTemp("", "comparison-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(toolsDir)
	os.Exit(code)
}

// compiled compiles the C programs once for all tests.
var compiled = sync.OnceValues(func() (Tools, error) {
	return BuildTools(context.Background(), filepath.Join("..", ".."), toolsDir)
})

// shortRunner returns a Runner with very short samples.
func shortRunner(t *testing.T) Runner {
	t.Helper()
	for _, program := range []string{"cc", "taskset"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is needed: %v", program, err)
		}
	}
	if runtime.NumCPU() < 2 {
		t.Skip("two CPUs are needed")
	}
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	tools, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	return Runner{Tools: tools, ServerCPU: 0, ClientCPU: 1, Warmup: 10 * time.Millisecond, Measure: 50 * time.Millisecond}
}

func TestEveryWorkloadRunsWithC(t *testing.T) {
	b := shortRunner(t)
	streams, datagrams := CStreams(b.Tools), CDatagrams(b.Tools)
	cases := []Case{{Workload: ChurnWorkload(), Servers: []Server{streams, Again(streams)}, Rounds: 1}}
	for _, w := range StreamWorkloads() {
		cases = append(cases, Case{Workload: w, Servers: []Server{streams, Again(streams)}, Rounds: 1})
	}
	for _, w := range DatagramWorkloads() {
		cases = append(cases, Case{Workload: w, Servers: []Server{datagrams, Again(datagrams)}, Rounds: 1})
	}
	for _, w := range TrainWorkloads() {
		trains := CTrains(b.Tools)
		cases = append(cases, Case{Workload: w, Servers: []Server{trains, Again(trains)}, Rounds: 1})
	}
	var serverSeconds float64
	for _, m := range cases {
		t.Run(m.Key(), func(t *testing.T) {
			var reported int
			result, err := b.Run(t.Context(), m, func(int, Result) { reported++ })
			if err != nil || reported != 1 {
				t.Fatalf("got %v and %d reports, want nil and 1", err, reported)
			}
			for _, e := range result.Servers {
				if e.Failure != "" || len(e.Rounds) != 1 {
					t.Fatalf("got %+v, want one round", e)
				}
				for _, s := range e.Rounds[0] {
					if s.Messages <= 0 || s.Seconds < b.Measure.Seconds() || s.ClientSeconds <= 0 {
						t.Errorf("got sample %+v, want messages and CPU time for at least %v", s, b.Measure)
					}
					serverSeconds += s.ServerSeconds
				}
			}
		})
	}
	// The kernel counts the time of a process in ticks of 10 ms, so one sample may have none.
	if serverSeconds <= 0 {
		t.Error("the servers used no CPU time in any sample")
	}
}

func TestIdleConnectionsNeedNoMemoryInC(t *testing.T) {
	b := shortRunner(t)
	m := Case{Workload: Workload{Idle, 1000, 64, 1}, Servers: []Server{CStreams(b.Tools)}, Rounds: 1}
	result, err := b.Run(t.Context(), m, func(int, Result) {})
	if err != nil || result.Servers[0].Failure != "" {
		t.Fatalf("got %v, %+v", err, result.Servers)
	}
	// C has a pointer for each descriptor, and memory is counted in pages.
	if got := Memory.Values(result.Servers[0])[0]; got < 0 || got > 64 {
		t.Errorf("got %v bytes a connection, want 0 to 64", got)
	}
}

func TestSharesFindsTheLoops(t *testing.T) {
	b := shortRunner(t)
	got, err := b.Shares(t.Context(), CStreams(b.Tools), 100)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{100}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v: it has one loop", got, want)
	}
}

func TestFailedServerIsInTheResult(t *testing.T) {
	b := shortRunner(t)
	c := CStreams(b.Tools)
	m := Case{
		Workload: Workload{Stream, 1, 64, 1},
		Servers: []Server{
			c,
			{Name: "gone", Argv: []string{"sh", "-c", "echo url=tcp://127.0.0.1:1; exec sleep 60"}},
			{Name: "mute", Argv: []string{"sh", "-c", "echo no such flag; exit 2"}},
			Again(c),
		},
		Rounds: 2,
	}
	result, err := b.Run(t.Context(), m, func(int, Result) {})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		failure string
		rounds  int
	}{{"", 2}, {"Connection refused", 0}, {"no such flag", 0}, {"", 2}}
	for i, tt := range tests {
		e := result.Servers[i]
		if len(e.Rounds) != tt.rounds || !strings.Contains(e.Failure, tt.failure) || (tt.failure == "") != (e.Failure == "") {
			t.Errorf("%s: got %d rounds and failure %q, want %d and %q", e.Name, len(e.Rounds), e.Failure, tt.rounds, tt.failure)
		}
	}
}

func TestCaseEndsIfItsBaseFails(t *testing.T) {
	b := shortRunner(t)
	gone := Server{Name: "gone", Argv: []string{"false"}}
	m := Case{Workload: Workload{Stream, 1, 64, 1}, Servers: []Server{gone, CStreams(b.Tools)}, Rounds: 5}
	var reported int
	result, err := b.Run(t.Context(), m, func(int, Result) { reported++ })
	if err != nil || reported != 1 || result.Servers[0].Failure == "" {
		t.Errorf("got %v, %d rounds, %+v, want a failure of the base after one round", err, reported, result.Servers[0])
	}
}

func TestCanceledCaseIsAnError(t *testing.T) {
	b := shortRunner(t)
	ctx, cancel := context.WithCancel(t.Context())
	c := CStreams(b.Tools)
	m := Case{Workload: Workload{Stream, 1, 64, 1}, Servers: []Server{c}, Rounds: 100}
	if _, err := b.Run(ctx, m, func(int, Result) { cancel() }); err == nil {
		t.Error("got no error, want the error of the context")
	}
}

func TestOrderIsABBAAndBAABForTwo(t *testing.T) {
	if got, want := order(0, 2), []int{1, 0, 0, 1}; !slices.Equal(got, want) {
		t.Errorf("even round: got %v, want %v", got, want)
	}
	if got, want := order(1, 2), []int{0, 1, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("odd round: got %v, want %v", got, want)
	}
}

// Where ratioRows's two turns have the same middle, a steady drift adds the
// same to ratioRows's sum.
func TestSteadyDriftWeighsOnAllAlike(t *testing.T) {
	for _, n := range []int{1, 2, 3, 8, 9} {
		for i := range 2 {
			sums, turns := make([]int, n), make([]int, n)
			for at, seat := range order(i, n) {
				sums[seat] += at
				turns[seat]++
			}
			for seat := range n {
				if turns[seat] != 2 || sums[seat] != 2*n-1 {
					t.Errorf("round %d of %d: seat %d: got %d turns at %d in sum, want 2 at %d",
						i, n, seat, turns[seat], sums[seat], 2*n-1)
				}
			}
		}
	}
}
