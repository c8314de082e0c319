package main

import (
	"slices"
	"strings"
	"testing"

	"echod/lab/compare/internal/comparison"
)

func TestErrorsNameTheFlag(t *testing.T) {
	tests := []struct{ args, want string }{
		{"extra", "unexpected argument"},
		{"-rounds 0", "-rounds 0"},
		{"-seconds 0", "-seconds 0"},
		{"-nice 20", "-nice 20"},
		{"-server-cpu 1", "must differ"},
		{"-only churn,chrun", "-only chrun: want 1x64x1, "},
	}
	for _, tt := range tests {
		_, err := parse(strings.Fields(tt.args))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", tt.args, err, tt.want)
		}
	}
}

func TestKeysAreUnique(t *testing.T) {
	all := keys()
	unique := slices.Compact(slices.Sorted(slices.Values(all)))
	if len(all) != len(unique) {
		t.Errorf("got %v, want no duplicates", all)
	}
	for _, want := range []string{"1x64x1", "5000x64x1", "churn", "udp-16x64x32", "udp-gso-16x64x32", "idle", "loops"} {
		if !slices.Contains(all, want) {
			t.Errorf("got %v, want %s in it", all, want)
		}
	}
}

func TestOnlySelectsCases(t *testing.T) {
	opts, err := parse([]string{"-only", "loops,churn"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range opts.selected(programs{}.cases(opts)) {
		got = append(got, m.Key())
	}
	if want := []string{"churn", "loops"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestQuickTakesLessThanThreeMinutes(t *testing.T) {
	opts, err := parse([]string{"-quick"})
	if err != nil {
		t.Fatal(err)
	}
	var got float64
	for _, m := range (programs{}).cases(opts) {
		got += m.Expected(opts.bench).Seconds()
	}
	if got > 150 { // plus half a minute to build
		t.Errorf("got %.0f s of measuring, want 150 at most", got)
	}
}

// TestNetIsNextToIOCopy exists because order runs neighbours close together.
func TestNetIsNextToIOCopy(t *testing.T) {
	opts, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range (programs{}).cases(opts)[:1] {
		at := func(name string) int {
			return slices.IndexFunc(m.Servers, func(c comparison.Server) bool { return c.Name == name })
		}
		if at(comparison.IOCopy) != at(comparison.EchodName("net"))+1 {
			t.Errorf("got positions %d and %d, want neighbours", at(comparison.EchodName("net")), at(comparison.IOCopy))
		}
	}
}

func TestFlagsAddTheOtherServersInC(t *testing.T) {
	opts, err := parse(strings.Fields("-uring -again -engines epoll -go-servers=false"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[comparison.Kind][]string{}
	for _, m := range (programs{}).cases(opts) {
		var names []string
		for _, c := range m.Servers {
			names = append(names, c.Name)
		}
		got[m.Workload.Kind] = names
	}
	for kind, want := range map[comparison.Kind][]string{
		comparison.Churn:     {"C", "echod epoll", "C io_uring", "C again"},
		comparison.Datagrams: {"C", "echod epoll", "C again"},
		comparison.Trains:    {"C", "echod epoll", "C again", "C recvmmsg"},
	} {
		if !slices.Equal(got[kind], want) {
			t.Errorf("%s: got %q, want %q", kind, got[kind], want)
		}
	}
}
