package contest

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

// toolsDir is where compiled puts the C programs, until all tests are done.
var toolsDir string

func TestMain(m *testing.M) {
	var err error
	if toolsDir, err = os.MkdirTemp("", "contest-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(toolsDir)
	os.Exit(code)
}

// compiled are the C programs, compiled once for all tests.
var compiled = sync.OnceValues(func() (Tools, error) {
	return BuildTools(context.Background(), filepath.Join("..", ".."), toolsDir)
})

// smallBench measures as shortly as the C programs can.
func smallBench(t *testing.T) Bench {
	t.Helper()
	for _, program := range []string{"cc", "taskset"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("the yardstick needs %s: %v", program, err)
		}
	}
	if runtime.NumCPU() < 2 {
		t.Skip("a contest needs two processors")
	}
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	tools, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	return Bench{Tools: tools, ServerCPU: 0, ClientCPU: 1, Warmup: 10 * time.Millisecond, Measure: 50 * time.Millisecond}
}

// again is a contender under another name.
func again(c Contender) Contender {
	return Contender{Name: c.Name + " again", Argv: c.Argv}
}

func TestCMeetsItselfUnderEveryWorkload(t *testing.T) {
	b := smallBench(t)
	streams, datagrams := CStreams(b.Tools), CDatagrams(b.Tools)
	matches := []Match{{Workload: Comings(), Contenders: []Contender{streams, again(streams)}, Rounds: 1}}
	for _, w := range Streams() {
		matches = append(matches, Match{Workload: w, Contenders: []Contender{streams, again(streams)}, Rounds: 1})
	}
	for _, w := range UDP() {
		matches = append(matches, Match{Workload: w, Contenders: []Contender{datagrams, again(datagrams)}, Rounds: 1})
	}
	for _, m := range matches {
		t.Run(m.Key(), func(t *testing.T) {
			var told int
			result, err := b.Play(t.Context(), m, func(int, Result) { told++ })
			if err != nil || told != 1 {
				t.Fatalf("got %v, told %d times, want nil and once", err, told)
			}
			for _, e := range result.Entries {
				if e.Failure != "" || len(e.Rounds) != 1 {
					t.Fatalf("got %+v, want one round", e)
				}
				for _, s := range e.Rounds[0] {
					if s.Messages <= 0 || s.Seconds < b.Measure.Seconds() || s.ClientSeconds <= 0 || s.ServerSeconds <= 0 {
						t.Errorf("got sample %+v, want messages and processor time for %v at least", s, b.Measure)
					}
				}
			}
		})
	}
}

func TestIdleConnectionsTakeNothingOfC(t *testing.T) {
	b := smallBench(t)
	m := Match{Workload: Workload{Idle, 1000, 64, 1}, Contenders: []Contender{CStreams(b.Tools)}, Rounds: 1}
	result, err := b.Play(t.Context(), m, func(int, Result) {})
	if err != nil || result.Entries[0].Failure != "" {
		t.Fatalf("got %v, %+v", err, result.Entries)
	}
	// It has a pointer for each descriptor, and pages are touched whole.
	if got := Memory.Figures(result.Entries[0])[0]; got < 0 || got > 64 {
		t.Errorf("got %v bytes a connection, want 0 to 64", got)
	}
}

func TestLoopsAreFoundByWhatTheyWatch(t *testing.T) {
	b := smallBench(t)
	got, err := b.Shares(t.Context(), CStreams(b.Tools), 100)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{100}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v: it has one loop", got, want)
	}
}

func TestContenderThatFailsIsARowAndNoCrash(t *testing.T) {
	b := smallBench(t)
	c := CStreams(b.Tools)
	m := Match{
		Workload: Workload{Stream, 1, 64, 1},
		Contenders: []Contender{
			c,
			{Name: "gone", Argv: []string{"sh", "-c", "echo url=tcp://127.0.0.1:1; exec sleep 60"}},
			{Name: "mute", Argv: []string{"sh", "-c", "echo no such flag; exit 2"}},
			again(c),
		},
		Rounds: 2,
	}
	result, err := b.Play(t.Context(), m, func(int, Result) {})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		failure string
		rounds  int
	}{{"", 2}, {"Connection refused", 0}, {"no such flag", 0}, {"", 2}}
	for i, tt := range tests {
		e := result.Entries[i]
		if len(e.Rounds) != tt.rounds || !strings.Contains(e.Failure, tt.failure) || (tt.failure == "") != (e.Failure == "") {
			t.Errorf("%s: got %d rounds and failure %q, want %d and %q", e.Name, len(e.Rounds), e.Failure, tt.rounds, tt.failure)
		}
	}
}

func TestMatchWithoutItsBaseEnds(t *testing.T) {
	b := smallBench(t)
	gone := Contender{Name: "gone", Argv: []string{"false"}}
	m := Match{Workload: Workload{Stream, 1, 64, 1}, Contenders: []Contender{gone, CStreams(b.Tools)}, Rounds: 5}
	var told int
	result, err := b.Play(t.Context(), m, func(int, Result) { told++ })
	if err != nil || told != 1 || result.Entries[0].Failure == "" {
		t.Errorf("got %v, %d rounds, %+v, want a failure of the base after one round", err, told, result.Entries[0])
	}
}

func TestInterruptedMatchIsAnError(t *testing.T) {
	b := smallBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	c := CStreams(b.Tools)
	m := Match{Workload: Workload{Stream, 1, 64, 1}, Contenders: []Contender{c}, Rounds: 100}
	if _, err := b.Play(ctx, m, func(int, Result) { cancel() }); err == nil {
		t.Error("got no error, want that of the context")
	}
}
