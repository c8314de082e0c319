package contest

import (
	"math"
	"slices"
	"testing"
)

// at is an entry of one round with so many times C's throughput, at so many
// times its processor time per message.
func at(name string, throughput, cpu float64) Entry {
	s := Sample{Seconds: 1, Messages: 1000 * throughput, CPUSeconds: throughput * cpu}
	return Entry{Name: name, Rounds: []Pair{{s, s}}}
}

func held(name string, bytes float64) Entry {
	return Entry{Name: name, Rounds: []Pair{{{IdleBytes: bytes}, {IdleBytes: bytes}}}}
}

func TestClaimSaysInWhatItFallsShort(t *testing.T) {
	small, bulk := Workload{Stream, 50, 64, 1}, Workload{Stream, 10, 1 << 20, 1}
	failed := Entry{Name: "echod epoll", Failure: "it fell over"}
	tests := []struct {
		name    string
		w       Workload
		entries []Entry
		want    []string
	}{
		{"as good as C", small, []Entry{at(C, 1, 1), at("echod epoll", 1, 1)}, nil},
		{"just enough", small, []Entry{at(C, 1, 1), at("echod epoll", 0.97, 1.04)}, nil},
		{"too slow", small, []Entry{at(C, 1, 1), at("echod epoll", 0.96, 1)}, []string{"throughput"}},
		{"bulk may cost more", bulk, []Entry{at(C, 1, 1), at("echod epoll", 0.95, 1.06)}, nil},
		{"too dear", small, []Entry{at(C, 1, 1), at("echod epoll", 1, 1.05)}, []string{"CPU"}},
		{"a peer is ahead", small, []Entry{at(C, 1, 1), at("echod epoll", 0.98, 1), at("gnet", 0.99, 1)}, []string{"behind gnet"}},
		{"a peer that failed is not", small, []Entry{at(C, 1, 1), at("echod epoll", 0.98, 1), {Name: "gnet", Failure: "lost data"}}, nil},
		{"failed", small, []Entry{at(C, 1, 1), failed}, []string{"failed"}},
		{"net is held against io.Copy", small, []Entry{at(C, 1, 1), at("echod net", 0.8, 1.3), at(IOCopy, 0.8, 1.3)}, nil},
		{"net behind io.Copy", small, []Entry{at(C, 1, 1), at("echod net", 0.7, 1), at(IOCopy, 0.8, 1)}, []string{"throughput"}},
		{"busy polling is held to twice", small, []Entry{at(C, 1, 1), at("echod epoll --busy-poll", 1.5, 1)}, []string{"throughput"}},
		{"memory", Held(), []Entry{held(C, 0), held("echod epoll", 128.4), held("gnet", 500)}, nil},
		{"too much memory", Held(), []Entry{held(C, 0), held("echod epoll", 129), held("gnet", 100)}, []string{"memory", "behind gnet"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			claims := Result{Workload: tt.w, Entries: tt.entries}.Claims()
			if len(claims) != 1 {
				t.Fatalf("got %d claims, want 1", len(claims))
			}
			if got := claims[0].Short(); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTwoLoopsAreHeldAgainstOneAndToEvenShares(t *testing.T) {
	two := at("echod epoll --loops 2", 1.2, 1)
	two.Shares = [][]int{{500, 500}, {560, 440}}
	claims := Result{Workload: Workload{Stream, 1000, 64, 1}, Free: true,
		Entries: []Entry{at("echod epoll --loops 1", 1, 1), two}}.Claims()
	if len(claims) != 1 {
		t.Fatalf("got %d claims, want 1", len(claims))
	}
	if got, want := claims[0].Short(), []string{"shares"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUnevenIsTheWorstThatWasSeen(t *testing.T) {
	tests := []struct {
		shares [][]int
		want   float64
	}{
		{[][]int{{500, 500}}, 1},
		{[][]int{{500, 500}, {600, 400}, {510, 490}}, 1.5},
		{[][]int{{1000}}, math.Inf(1)},
	}
	for _, tt := range tests {
		if got := (Entry{Shares: tt.shares}).Uneven(); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.shares, got, tt.want)
		}
	}
}
