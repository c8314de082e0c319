package comparison

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCostsOfAMessageInC counts where the calls of a message are known: epoll_wait, recv and send.
func TestCostsOfAMessageInC(t *testing.T) {
	b := shortRunner(t)
	got := b.costs(t.Context(), CStreams(b.Tools), Case{Workload: Workload{Stream, 1, 64, 1}})
	if got.Why != "" {
		t.Skipf("root and /sys/kernel/tracing are needed: %v", got.Why)
	}
	if calls := *got.SystemCalls; calls < 2.9 || calls > 3.1 {
		t.Errorf("got %v system calls, want 3", calls)
	}
	if got.Allocations != nil {
		t.Errorf("got %v allocations of C, want none", *got.Allocations)
	}
}

func TestCostsOfAMessageInEchod(t *testing.T) {
	b := shortRunner(t)
	echod, err := builtEchod()
	if err != nil {
		t.Fatal(err)
	}
	for _, engine := range []string{"epoll", "net"} {
		got := b.costs(t.Context(), Echod(echod, engine, "tcp"), Case{Workload: Workload{Stream, 50, 64, 1}})
		if got.Why != "" {
			t.Skipf("root and /sys/kernel/tracing are needed: %v", got.Why)
		}
		// An engine allocates nothing for a message; a report of the runtime may.
		if got.Allocations == nil || *got.Allocations > 0.9 || *got.SystemCalls < 1 {
			t.Errorf("%s: got %+v, want system calls and no allocations", engine, got)
		}
	}
}

func TestCostsSayHowBusyServerAndGeneratorAre(t *testing.T) {
	c, silent := busyAt(C, 1, 0.754, 0.962), at("old", 1, 1)
	c.Costs, silent.Costs = &Costs{}, &Costs{}
	rows := Report{Results: []Result{{Workload: ChurnWorkload(), Servers: []ServerResult{c, silent}}}}.costRows()
	n := len(rows[0]) - 2
	for i, want := range [][]string{{"server busy", "generator busy"}, {"75 %", "96 %"}, {"", ""}} {
		if got := rows[i][n:]; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestCostsAreInTheResult(t *testing.T) {
	b := shortRunner(t)
	b.Costs = true
	c := CStreams(b.Tools)
	result, err := b.Run(t.Context(), Case{Workload: Workload{Stream, 1, 64, 1}, Servers: []Server{c, {Name: "absent", Argv: []string{"/absent"}}}}, none)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range result.Servers {
		if want := e.Name == C; want != (e.Costs != nil) {
			t.Errorf("%s: got %v, want costs: %v", e.Name, e.Costs, want)
		}
	}
}

// TestReadsOfACounterAreNotCosts has a counter that grows only when it is read.
func TestReadsOfACounterAreNotCosts(t *testing.T) {
	b := shortRunner(t)
	r, err := b.startContender(t.Context(), CStreams(b.Tools), Case{Workload: Workload{Stream, 1, 64, 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.stop()
	count := 1e6
	got, err := b.perMessage(r, func() (float64, error) { count += 1e6; return count, nil })
	if err != nil || *got != 0 {
		t.Errorf("got %v, %v, want 0", *got, err)
	}
}

func TestAllocationsAreReadFromAProfile(t *testing.T) {
	tests := []struct {
		profile string
		want    float64
		err     string
	}{
		{"heap profile: 0: 0\n# Sys = 7\n# Mallocs = 1500000\n# Frees = 3\n", 1.5e6, ""},
		{"# Frees = 3\n", 0, `no line "# Mallocs = "`},
		{"# Mallocs = x\n", 0, "invalid syntax"},
	}
	for _, tt := range tests {
		socket := filepath.Join(t.TempDir(), "admin")
		listener, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, tt.profile) })}
		go server.Serve(listener)
		t.Cleanup(func() { server.Close() })
		got, err := allocations(t.Context(), socket)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q: got %v, %v, want %v, %q", tt.profile, got, err, tt.want, tt.err)
		}
	}
}
