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
		want []Promise
	}{
		{"no finding", Observation{}, nil},
		{"exit", Observation{Ended: "exit status 1"}, []Promise{Survives}},
		{"panic and exit, one finding", Observation{Ended: "exit status 2", Crashed: []string{"panic: x"}}, []Promise{Survives}},
		{"wrong byte", Observation{Wrong: []string{"x"}}, []Promise{Unaltered}},
		{"early end", Observation{Early: []string{"x"}}, []Promise{HonestEnd}},
		{"not served", Observation{Unserved: []string{"x"}}, []Promise{Serves}},
		{"stuck", Observation{Stuck: []string{"x"}}, []Promise{Progress}},
		{"half a core", Observation{Idle: second(500*time.Millisecond, 0)}, nil},
		{"more than half a core", Observation{Idle: second(510*time.Millisecond, 0)}, []Promise{NoBusyLoop}},
		{"runnable in most samples", Observation{After: Window{Took: time.Second, Samples: 20, Runnable: 18}}, nil},
		{"runnable in all of few samples", Observation{After: Window{Took: time.Second, Samples: 9, Runnable: 9}}, nil},
		{"always runnable", Observation{After: Window{Took: time.Second, Samples: 20, Runnable: 19}}, []Promise{Recovers}},
		{"few calls", Observation{Idle: second(0, 2000)}, nil},
		{"many calls", Observation{Idle: second(0, 2001)}, []Promise{NoBusyLoop}},
		{"busy after recovery", Observation{After: second(900*time.Millisecond, 0)}, []Promise{Recovers}},
		{"fewer descriptors", Observation{DescriptorsBefore: 9, DescriptorsAfter: 8}, nil},
		{"more descriptors", Observation{DescriptorsBefore: 9, DescriptorsAfter: 10}, []Promise{NoLeak}},
		{"does not end", Observation{DrainHung: true}, []Promise{Drains}},
		{"exit code after SIGTERM", Observation{DrainExit: "exit status 1"}, []Promise{Drains}},
		{"a short drain without clients", Observation{IdleDrain: 3 * time.Second}, nil},
		{"a long drain without clients", Observation{IdleDrain: 3100 * time.Millisecond}, []Promise{Drains}},
		{"leaves the socket file", Observation{FileLeft: true}, []Promise{Drains}},
		{"100 lines in 0.1 s", Observation{LogLines: 100, LogSecond: 0.1}, nil},
		{"101 lines in 0.1 s", Observation{LogLines: 101, LogSecond: 0.1}, []Promise{BoundedLog}},
		{"201 lines in 2 s", Observation{LogLines: 201, LogSecond: 2}, []Promise{BoundedLog}},
		{"a start failure with exit code 1", Observation{StartCode: 1, StartLines: []string{"x"}}, nil},
		{"a start failure with exit code 3", Observation{StartCode: 3, StartLines: []string{"x"}}, nil},
		{"exit code 2", Observation{StartCode: 2, StartLines: []string{"x"}}, []Promise{CleanFailure}},
		{"exit code 2 with ENOENT", Observation{StartCode: 2, NotFound: true, StartLines: []string{"x"}}, nil},
		{"killed", Observation{StartCode: -1, StartLines: []string{"x"}}, []Promise{CleanFailure}},
		{"no line of errors", Observation{StartCode: 1}, []Promise{CleanFailure}},
		{"two lines of errors", Observation{StartCode: 1, StartLines: []string{"x", "y"}}, []Promise{CleanFailure}},
		{"neither starts nor ends", Observation{StartHung: true}, []Promise{CleanFailure}},
		{"panic in the start", Observation{StartCode: 2, Crashed: []string{"panic: x"}}, []Promise{Survives}},
		{"the most serious first", Observation{FileLeft: true, Wrong: []string{"x"}, Stuck: []string{"x"}},
			[]Promise{Unaltered, Progress, Drains}},
	}
	for _, tt := range tests {
		var got []Promise
		for _, f := range Judge(tt.o) {
			got = append(got, f.Promise)
			if f.Promise.Severity() < 0 {
				t.Errorf("%s: %s has no severity", tt.name, f.Promise)
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
		o := Observation{Crashed: crashLines(strings.Split(tt.text, "\n"))}
		if got := len(o.Crashed) > 0; got != tt.crashed || o.ByRuntime() != tt.byRuntime {
			t.Errorf("%q: got crashed %v, by the runtime %v; want %v, %v", tt.text, got, o.ByRuntime(), tt.crashed, tt.byRuntime)
		}
	}
}

func TestErrorLinesAreNotLogLines(t *testing.T) {
	got := errorLines([]string{
		"2026-11-28 15:56:00.718 INFO  listening url=tcp://127.0.0.1:7",
		"echod: listen tcp://127.0.0.1:7: bind: permission denied",
		"echod: hint: ports below 1024 need CAP_NET_BIND_SERVICE,",
		"  or a lower limit: sysctl net.ipv4.ip_unprivileged_port_start",
		"goroutine 1 [running]:",
		"  main.main()",
	})
	want := []string{"echod: listen tcp://127.0.0.1:7: bind: permission denied", "goroutine 1 [running]:", "  main.main()"}
	if !slices.Equal(got, want) {
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
		{"one address of two", line("a", "1", "1") + line("a", "2", "0") + line("b", "1", "1") + line("c", "1", "1"), ""},
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

// TestOnlyTimed checks that a case is repeated only if a busy machine can be the cause.
func TestOnlyTimed(t *testing.T) {
	tests := []struct {
		o    Observation
		want bool
	}{
		{Observation{}, false},
		{Observation{DrainHung: true}, true},
		{Observation{IdleDrain: time.Minute}, true},
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
