package main

import (
	"slices"
	"strings"
	"testing"

	"echod/lab/compare/internal/contest"
)

func TestBadOptionsAreNamed(t *testing.T) {
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

func TestEveryWorkloadHasAKeyOfItsOwn(t *testing.T) {
	all := keys()
	unique := slices.Compact(slices.Sorted(slices.Values(all)))
	if len(all) != len(unique) {
		t.Errorf("got %v, want no key twice", all)
	}
	for _, want := range []string{"1x64x1", "5000x64x1", "churn", "udp-16x64x32", "idle", "loops"} {
		if !slices.Contains(all, want) {
			t.Errorf("got %v, want %s among them", all, want)
		}
	}
}

func TestOnlyChooses(t *testing.T) {
	opts, err := parse([]string{"-only", "loops,churn"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range opts.chosen(programs{}.matches(opts)) {
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
	for _, m := range (programs{}).matches(opts) {
		got += m.Expected(opts.bench).Seconds()
	}
	if got > 150 { // and half a minute to build
		t.Errorf("got %.0f s of measuring, want 150 at most", got)
	}
}

// The engine net and its yardstick, io.Copy, must sit beside each other: order
// plays neighbours close together.
func TestNetSitsBesideIOCopy(t *testing.T) {
	opts, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range (programs{}).matches(opts)[:1] {
		at := func(name string) int {
			return slices.IndexFunc(m.Contenders, func(c contest.Contender) bool { return c.Name == name })
		}
		if at(contest.IOCopy) != at(contest.EchodName("net"))+1 {
			t.Errorf("got seats %d and %d, want neighbours", at(contest.EchodName("net")), at(contest.IOCopy))
		}
	}
}
