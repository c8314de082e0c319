package comparison

import (
	"math"
	"slices"
	"testing"
)

// at returns a result of one round with this throughput and this CPU time per message, as
// ratios to C.
func at(name string, throughput, cpu float64) ServerResult {
	s := Sample{Seconds: 1, Messages: 1000 * throughput, ClientSeconds: throughput * cpu}
	return ServerResult{Name: name, Rounds: []Pair{{s, s}}}
}

func held(name string, bytes float64) ServerResult {
	return ServerResult{Name: name, Rounds: []Pair{{{IdleBytes: bytes}, {IdleBytes: bytes}}}}
}

func TestMissedNamesTheLimits(t *testing.T) {
	small, bulk := Workload{Stream, 50, 64, 1}, Workload{Stream, 10, 1 << 20, 1}
	failed := ServerResult{Name: "echod epoll", Failure: "the reason"}
	tests := []struct {
		name    string
		w       Workload
		entries []ServerResult
		want    []string
	}{
		{"as good as C", small, []ServerResult{at(C, 1, 1), at("echod epoll", 1, 1)}, nil},
		{"exactly the limit", small, []ServerResult{at(C, 1, 1), at("echod epoll", 0.97, 1.04)}, nil},
		{"too slow", small, []ServerResult{at(C, 1, 1), at("echod epoll", 0.96, 1)}, []string{"throughput"}},
		{"bulk has other limits", bulk, []ServerResult{at(C, 1, 1), at("echod epoll", 0.95, 1.06)}, nil},
		{"too much CPU", small, []ServerResult{at(C, 1, 1), at("echod epoll", 1, 1.05)}, []string{"CPU"}},
		{"a peer is fasterServers", small, []ServerResult{at(C, 1, 1), at("echod epoll", 0.98, 1), at("gnet", 0.99, 1)}, []string{"behind gnet"}},
		{"C io_uring is no rival", small, []ServerResult{at(C, 1, 1), at("echod epoll", 0.98, 1), at(CUring, 1.1, 1), at(C+again, 1.1, 1)}, nil},
		{"another server failed", small, []ServerResult{at(C, 1, 1), at("echod epoll", 0.98, 1), {Name: "gnet", Failure: "lost data"}}, nil},
		{"failed", small, []ServerResult{at(C, 1, 1), failed}, []string{"failed"}},
		{"the base of net is io.Copy", small, []ServerResult{at(C, 1, 1), at("echod net", 0.8, 1.3), at(IOCopy, 0.8, 1.3)}, nil},
		{"net slower than io.Copy", small, []ServerResult{at(C, 1, 1), at("echod net", 0.7, 1), at(IOCopy, 0.8, 1)}, []string{"throughput"}},
		{"busy polling below twice the base", small, []ServerResult{at(C, 1, 1), at("echod epoll --busy-poll", 1.5, 1)}, []string{"throughput"}},
		{"memory", IdleWorkload(), []ServerResult{held(C, 0), held("echod epoll", 128.4), held("gnet", 500)}, nil},
		{"too much memory", IdleWorkload(), []ServerResult{held(C, 0), held("echod epoll", 129), held("gnet", 100)}, []string{"memory", "behind gnet"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checks := Result{Workload: tt.w, Servers: tt.entries}.Checks()
			if len(checks) != 1 {
				t.Fatalf("got %d checks, want 1", len(checks))
			}
			if got := checks[0].Missed(); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTwoLoopsAreComparedWithOne(t *testing.T) {
	two := at("echod epoll --loops 2", 1.2, 1)
	two.Shares = [][]int{{500, 500}, {560, 440}}
	checks := Result{Workload: Workload{Stream, 1000, 64, 1}, Free: true,
		Servers: []ServerResult{at("echod epoll --loops 1", 1, 1), two}}.Checks()
	if len(checks) != 1 {
		t.Fatalf("got %d checks, want 1", len(checks))
	}
	if got, want := checks[0].Missed(), []string{"shares"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
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
