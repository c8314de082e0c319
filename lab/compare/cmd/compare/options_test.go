package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"echod/lab/compare/internal/comparison"
)

func TestErrorsNameTheFlag(t *testing.T) {
	tests := []struct{ args, want string }{
		{"extra", "unexpected argument"},
		{"-rounds 0", "-rounds 0"},
		{"-latency-pairs 0", "-latency-pairs 0"},
		{"-seconds 0", "-seconds 0"},
		{"-nice 20", "-nice 20"},
		{"-precision 0", "-precision 0"},
		{"-tolerance -1", "-tolerance -1"},
		{"-client-cpu -1", "-client-cpu -1"},
		{"-a x -only churn", "-a and -b: want both"},
		{"-a x -b y", "need one workload"},
		{"-a x -b y -only churn,idle", "need one workload"},
		{"-a x -b y -only idle", "need one workload"},
		{"-a x -b y -only loops", "need one workload"},
		{"-a x -b y -only churn -engines=", "need an engine"},
		{"-server-cpu 1", "must differ"},
		{"-growth -only churn", "omit -only"},
		{"-growth -latency-pairs 9", "omit -latency-pairs"},
		{"-growth -engines=epoll", "omit -engines"},
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
	for _, want := range []string{"1x64x1", "15000x64x1", "churn", "udp-16x64x32", "udp-gso-16x64x32", "idle", "loops"} {
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
	opts.runner.Bench = "echod"
	for _, m := range (programs{}).cases(opts) {
		got += opts.runner.Expected(m).Seconds()
	}
	if got > 160 { // plus half a minute to build
		t.Errorf("got %.0f s of measuring, want 160 at most", got)
	}
}

func TestBuildsAreComparedUnderOneWorkload(t *testing.T) {
	for key, listen := range map[string]string{"50x64x1": "tcp://", "udp-1x64x1": "udp://"} {
		opts, err := parse([]string{"-only", key, "-a", "x", "-b", "y", "-engines", "poll"})
		if err != nil {
			t.Fatal(err)
		}
		cases := (programs{a: "/x", b: "/y"}).chosen(opts)
		if len(cases) != 1 || cases[0].Key() != key {
			t.Fatalf("got %+v, want only %s", cases, key)
		}
		var got []string
		for _, s := range cases[0].Servers {
			got = append(got, s.Name+" "+s.Argv[0])
		}
		if want := []string{"A /x", "B /y"}; !slices.Equal(got[1:], want) {
			t.Errorf("got %q, want C and %q", got, want)
		}
		if argv := strings.Join(cases[0].Servers[1].Argv, " "); !strings.Contains(argv, listen) || !strings.Contains(argv, "--engine poll") {
			t.Errorf("got %q, want %s and poll", argv, listen)
		}
		if expected := opts.runner.Expected(cases[0]); expected > buildsLimit+5*time.Second {
			t.Errorf("got %v, want at most about %v", expected, buildsLimit)
		}
	}
}

func TestFlagAddsTheOtherServerInC(t *testing.T) {
	opts, err := parse(strings.Fields("-uring -engines epoll -go-servers=false"))
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
		comparison.Churn:     {"C", "echod epoll", "C io_uring"},
		comparison.Datagrams: {"C", "echod epoll"},
		comparison.Trains:    {"C", "echod epoll", "C recvmmsg"},
	} {
		if !slices.Equal(got[kind], want) {
			t.Errorf("%s: got %q, want %q", kind, got[kind], want)
		}
	}
}
