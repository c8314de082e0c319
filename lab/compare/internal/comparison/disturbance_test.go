package comparison

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestDisturbedSlicesAreFound(t *testing.T) {
	start := time.Unix(1, 0)
	before := reading{at: start, stolen: time.Second, run: 100 * time.Second, own: 50 * time.Second, switches: map[int]int{7: 10}, softirqd: 1000}
	const ms = time.Millisecond
	tests := []struct {
		name   string
		after  reading // what is added to before, in a second
		shared bool
		want   Disturbance
	}{
		{"nothing", reading{run: 1500 * ms, own: 1500 * ms}, false, Disturbance{}},
		{"a little of others", reading{run: 1519 * ms, own: 1500 * ms}, false, Disturbance{}},
		{"others", reading{run: 1530 * ms, own: 1500 * ms}, false, Disturbance{Others, 0.03}},
		{"a tick of steal", reading{stolen: 10 * ms}, false, Disturbance{Stolen, 0.01}},
		{"some switches", reading{switches: map[int]int{7: switchesPerSecond}}, false, Disturbance{}},
		{"switches", reading{switches: map[int]int{7: switchesPerSecond + 1}}, false, Disturbance{Preempted, switchesPerSecond + 1}},
		{"switches for ksoftirqd", reading{softirqd: 50, switches: map[int]int{7: switchesPerSecond + 50}}, false, Disturbance{}},
		{"switches for ksoftirqd, and others", reading{softirqd: 50, switches: map[int]int{7: switchesPerSecond + 51}}, false, Disturbance{Preempted, switchesPerSecond + 51}},
		{"switches on shared CPUs", reading{switches: map[int]int{7: 1000}}, true, Disturbance{}},
		{"a process that had threads before", reading{switches: map[int]int{8: 1000}}, false, Disturbance{}},
		{"a kernel without run times", reading{own: 500 * ms}, false, Disturbance{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			after := reading{at: start.Add(time.Second), stolen: before.stolen + tt.after.stolen,
				run: before.run + tt.after.run, own: before.own + tt.after.own, switches: map[int]int{}, softirqd: before.softirqd + tt.after.softirqd}
			for pid, n := range tt.after.switches {
				after.switches[pid] = before.switches[pid] + n
			}
			got := disturbance(before, after, 0.02, tt.shared)
			switch {
			case got == nil && tt.want != Disturbance{}:
				t.Errorf("got nothing, want %v", tt.want)
			case got != nil && (got.Reason != tt.want.Reason || got.Amount < tt.want.Amount-1e-9 || got.Amount > tt.want.Amount+1e-9):
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestRunTimesAreParsed(t *testing.T) {
	const schedstat = "version 17\ntimestamp 4318\ncpu0 0 0 0 0 0 0 1002003 44 5\ndomain0 MC 3 1 2\ncpu1 0 0 0 0 0 0 77 8 9\ncpu10 0 0 0 0 0 0 5 8 9\n"
	tests := []struct {
		name  string
		parse func(string, int) (time.Duration, bool)
		text  string
		cpu   int
		want  time.Duration
		ok    bool
	}{
		{"schedstat", runTimeOfSchedstat, schedstat, 0, 1002003, true},
		{"schedstat, another CPU", runTimeOfSchedstat, schedstat, 1, 77, true},
		{"schedstat, no such CPU", runTimeOfSchedstat, schedstat, 2, 0, false},
		{"schedstat, no file", runTimeOfSchedstat, "", 0, 0, false},
		{"cpuacct", runTimeOfCpuacct, "123 456 \n", 1, 456, true},
		{"cpuacct, no such CPU", runTimeOfCpuacct, "123 456 \n", 2, 0, false},
		{"cpuacct, no file", runTimeOfCpuacct, "", 0, 0, false},
	}
	for _, tt := range tests {
		if got, ok := tt.parse(tt.text, tt.cpu); got != tt.want || ok != tt.ok {
			t.Errorf("%s: got %v, %v, want %v, %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

func TestStolenIsTheEighthColumn(t *testing.T) {
	const stat = "cpu  9 9 9 9 9 9 9 30 0 0\ncpu0 1 2 3 4 5 6 7 10 0 0\ncpu1 1 2 3 4 5 6 7 20 0 0\ncpu10 0 0 0 0 0 0 0 400 0 0\n"
	if got, want := stolen(stat, []int{0, 1}), 300*time.Millisecond; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestCPUTimeIsThatOfAllThreads(t *testing.T) {
	done := make(chan struct{})
	before, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	go func() { // another thread
		defer close(done)
		for start := time.Now(); time.Since(start) < 10*time.Millisecond; {
		}
	}()
	<-done
	if after, err := cpuTime(os.Getpid()); err != nil || after <= before {
		t.Errorf("got %v after %v, %v, want more", after, before, err)
	}
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	if _, err := cpuTime(ended.Process.Pid); err == nil {
		t.Error("a process that has ended: got no error")
	}
}

func TestMonitorSeesTheSwitchesOfSingleThreadedProcesses(t *testing.T) {
	got, err := newMonitor(0, 1).read([]int{os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.switches) > 0 || got.own <= 0 {
		t.Errorf("got %+v, want the CPU time of this process and no switches: it has threads", got)
	}
}
