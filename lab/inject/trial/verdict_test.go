package trial

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	second := func(cpu time.Duration, calls int) Window { return Window{Took: time.Second, CPU: cpu, Calls: calls} }
	tests := []struct {
		name string
		o    Observation
		want []string
	}{
		{"nothing", Observation{}, nil},
		{"ended", Observation{Ended: "exit status 1"}, []string{"P6 lives"}},
		{"crashed, counted once", Observation{Ended: "exit status 2", Crashed: []string{"panic: x"}}, []string{"P6 lives"}},
		{"wrong byte", Observation{Wrong: []string{"x"}}, []string{"S1 prefix"}},
		{"early end", Observation{Early: []string{"x"}}, []string{"S2 honest end"}},
		{"unserved", Observation{Unserved: []string{"x"}}, []string{"P1 serves again"}},
		{"stuck", Observation{Stuck: []string{"x"}}, []string{"S5 progress"}},
		{"half a core", Observation{Idle: second(500*time.Millisecond, 0)}, nil},
		{"more than half a core", Observation{Idle: second(510*time.Millisecond, 0)}, []string{"P2 no spin"}},
		{"ready at most looks", Observation{After: Window{Took: time.Second, Looks: 20, Ready: 18}}, nil},
		{"ready at all looks, of few", Observation{After: Window{Took: time.Second, Looks: 9, Ready: 9}}, nil},
		{"always ready", Observation{After: Window{Took: time.Second, Looks: 20, Ready: 19}}, []string{"P2 recovers"}},
		{"few calls", Observation{Idle: second(0, 2000)}, nil},
		{"many calls", Observation{Idle: second(0, 2001)}, []string{"P2 no spin"}},
		{"busy afterwards", Observation{After: second(900*time.Millisecond, 0)}, []string{"P2 recovers"}},
		{"fewer descriptors", Observation{DescriptorsBefore: 9, DescriptorsAfter: 8}, nil},
		{"more descriptors", Observation{DescriptorsBefore: 9, DescriptorsAfter: 10}, []string{"P3 descriptors"}},
		{"hangs in the end", Observation{DrainHung: true}, []string{"P5 drains"}},
		{"fails in the end", Observation{DrainExit: "exit status 1"}, []string{"P5 drains"}},
		{"drains for nobody, shortly", Observation{DrainAlone: 3 * time.Second}, nil},
		{"drains for nobody", Observation{DrainAlone: 3100 * time.Millisecond}, []string{"P5 drains"}},
		{"leaves its file", Observation{FileLeft: true}, []string{"P5 drains"}},
		{"100 lines in a moment", Observation{LogLines: 100, LogSecond: 0.1}, nil},
		{"101 lines in a moment", Observation{LogLines: 101, LogSecond: 0.1}, []string{"bounded log"}},
		{"201 lines in two seconds", Observation{LogLines: 201, LogSecond: 2}, []string{"bounded log"}},
		{"a clean failure to start", Observation{StartCode: 1, StartLines: []string{"x"}}, nil},
		{"another clean one", Observation{StartCode: 3, StartLines: []string{"x"}}, nil},
		{"exit code 2", Observation{StartCode: 2, StartLines: []string{"x"}}, []string{"clean start"}},
		{"exit code 2, where a file is said not to exist", Observation{StartCode: 2, NotFound: true, StartLines: []string{"x"}}, nil},
		{"killed", Observation{StartCode: -1, StartLines: []string{"x"}}, []string{"clean start"}},
		{"says nothing", Observation{StartCode: 1}, []string{"clean start"}},
		{"says too much", Observation{StartCode: 1, StartLines: []string{"x", "y"}}, []string{"clean start"}},
		{"neither starts nor ends", Observation{StartHung: true}, []string{"clean start"}},
		{"crashes in its start", Observation{StartCode: 2, Crashed: []string{"panic: x"}}, []string{"P6 lives"}},
		{"the worst first", Observation{FileLeft: true, Wrong: []string{"x"}, Stuck: []string{"x"}},
			[]string{"S1 prefix", "S5 progress", "P5 drains"}},
	}
	for _, tt := range tests {
		var got []string
		for _, f := range Judge(tt.o) {
			got = append(got, f.Promise)
			if Weight(f.Promise) < 0 {
				t.Errorf("%s: %s has no weight", tt.name, f.Promise)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestCrashIsFoundInTheLog(t *testing.T) {
	log := "2026-11-28 15:56:00.718 INFO  listening url=tcp://127.0.0.1:7 engine=net\n"
	tests := []struct {
		text      string
		crashed   bool
		byRuntime bool
	}{
		{log, false, false},
		{log + "panic: runtime error: index out of range\n\ngoroutine 1 [running]:", true, false},
		{log + "fatal error: all goroutines are asleep - deadlock!", true, false},
		{"runtime: epollcreate failed with 24\nfatal error: runtime: netpollinit failed", true, true},
		{log + "2026-11-28 15:56:00.718 WARN  refused why=\"panic: not one\"", false, false},
	}
	for _, tt := range tests {
		o := Observation{Crashed: crash(strings.Split(tt.text, "\n"))}
		if got := len(o.Crashed) > 0; got != tt.crashed || o.ByRuntime() != tt.byRuntime {
			t.Errorf("%q: got crashed %v, by the runtime %v; want %v, %v", tt.text, got, o.ByRuntime(), tt.crashed, tt.byRuntime)
		}
	}
}

func TestComplaintsAreNotTheLog(t *testing.T) {
	got := complaints([]string{
		"2026-11-28 15:56:00.718 INFO  listening url=tcp://127.0.0.1:7",
		"echod: listen tcp://127.0.0.1:7: bind: permission denied",
		"echod: hint: ports below 1024 need CAP_NET_BIND_SERVICE",
	})
	if want := []string{"echod: listen tcp://127.0.0.1:7: bind: permission denied"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAllUp(t *testing.T) {
	line := func(target, address, up string) string {
		return `echod_watch_up{address="` + address + `",target="` + target + `"} ` + up + "\n"
	}
	tests := []struct {
		name, body string
		want       string
	}{
		{"all", line("a", "1", "1") + line("b", "1", "1") + line("c", "1", "1"), ""},
		{"one of two addresses", line("a", "1", "1") + line("a", "2", "0") + line("b", "1", "1") + line("c", "1", "1"), ""},
		{"one is down", line("a", "1", "1") + line("b", "1", "0") + line("c", "1", "1"), "b is down"},
		{"one is missing", line("a", "1", "1") + line("b", "1", "1"), "2 targets, want 3"},
	}
	for _, tt := range tests {
		err := allUp(tt.body)
		if (err == nil) != (tt.want == "") || err != nil && err.Error() != tt.want {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestOnlyTimed: what a machine that stands still has as an effect is tried again,
// and nothing else.
func TestOnlyTimed(t *testing.T) {
	tests := []struct {
		o    Observation
		want bool
	}{
		{Observation{}, false},
		{Observation{DrainHung: true}, true},
		{Observation{DrainAlone: time.Minute}, true},
		{Observation{Stuck: []string{"x"}, Unserved: []string{"x"}, After: Window{Took: time.Second, CPU: time.Second}}, true},
		{Observation{StartHung: true}, true},
		{Observation{DrainHung: true, Early: []string{"x"}}, false},
		{Observation{DrainExit: "exit status 1"}, false},
		{Observation{FileLeft: true}, false},
		{Observation{Crashed: []string{"panic: x"}}, false},
		{Observation{StartCode: 2, StartLines: []string{"x"}}, false},
	}
	for _, tt := range tests {
		if got := onlyTimed(Judge(tt.o)); got != tt.want {
			t.Errorf("%+v: got %t, want %t", tt.o, got, tt.want)
		}
	}
}
