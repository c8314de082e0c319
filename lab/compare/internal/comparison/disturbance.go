package comparison

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Disturbance says what the machine did to a slice.
type Disturbance struct {
	Reason string  `json:"reason"`
	Amount float64 `json:"amount"` // seconds, or a number of switches
}

// The reasons why a slice is thrown away.
const (
	Stolen    = "steal"                // seconds that the hypervisor gave to others
	Others    = "other processes"      // seconds that they ran on one of the two CPUs
	Preempted = "involuntary switches" // of a process with a single thread
)

func (d Disturbance) String() string {
	if d.Reason == Preempted {
		return fmt.Sprintf("%.0f %s", d.Amount, d.Reason)
	}
	return fmt.Sprintf("%.1f ms of %s", d.Amount*1e3, d.Reason)
}

// switchesPerSecond is how often a process with one thread may lose its CPU, in addition to the
// times that ksoftirqd took it, which is a part of the load. Threads of the kernel run a few times
// each second, for some microseconds.
const switchesPerSecond = 100

// monitor reads what happens on two CPUs.
type monitor struct {
	cpus     []int
	runTime  runTimeSource
	softirqd []int // the processes ksoftirqd/CPU: what they do is a part of the load
}

// newMonitor returns a monitor of these CPUs.
func newMonitor(cpus ...int) monitor {
	m := monitor{cpus: cpus, runTime: findRunTime()}
	names, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, name := range names {
		for _, cpu := range cpus {
			if strings.TrimSpace(read(name)) == fmt.Sprintf("ksoftirqd/%d", cpu) {
				pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
				m.softirqd = append(m.softirqd, pid)
			}
		}
	}
	return m
}

// runTimeSource is a file with the time that each CPU has run processes. The zero value is a
// kernel that has none.
type runTimeSource struct {
	Path  string
	parse func(text string, cpu int) (time.Duration, bool)
}

// findRunTime returns the source of this kernel: /proc/schedstat, which needs
// CONFIG_SCHEDSTATS, or else the first version of control groups, which counts what the
// visible groups use. The ticks of /proc/stat are 10 ms, which is too coarse.
func findRunTime() runTimeSource {
	for _, s := range []runTimeSource{
		{"/proc/schedstat", runTimeOfSchedstat},
		{"/sys/fs/cgroup/cpuacct/cpuacct.usage_percpu", runTimeOfCpuacct},
	} {
		if _, ok := s.parse(read(s.Path), 0); ok {
			return s
		}
	}
	return runTimeSource{}
}

// runTimeOfSchedstat reads /proc/schedstat (Documentation/scheduler/sched-stats.rst): the
// seventh number of a CPU is the time of all processes on it, in nanoseconds.
func runTimeOfSchedstat(text string, cpu int) (time.Duration, bool) {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) >= 8 && fields[0] == fmt.Sprintf("cpu%d", cpu) {
			n, err := strconv.ParseInt(fields[7], 10, 64)
			return time.Duration(n), err == nil
		}
	}
	return 0, false
}

// runTimeOfCpuacct reads cpuacct.usage_percpu: nanoseconds of each CPU, from 0 on
// (Documentation/admin-guide/cgroup-v1/cpuacct.rst).
func runTimeOfCpuacct(text string, cpu int) (time.Duration, bool) {
	fields := strings.Fields(text)
	if cpu >= len(fields) {
		return 0, false
	}
	n, err := strconv.ParseInt(fields[cpu], 10, 64)
	return time.Duration(n), err == nil
}

// reading is the state of the machine at one time. All counters grow.
type reading struct {
	at       time.Time
	stolen   time.Duration // by the hypervisor, from both CPUs
	run      time.Duration // of all processes, on both CPUs
	own      time.Duration // of the server, the generators and ksoftirqd
	switches map[int]int   // involuntary ones of each process with a single thread
	softirqd int           // how often ksoftirqd has run
}

// read reads the state. The processes of pids wait, so the kernel has counted all of their
// CPU time.
func (m monitor) read(pids []int) (reading, error) {
	now := reading{at: time.Now(), stolen: stolen(read("/proc/stat"), m.cpus), switches: make(map[int]int)}
	for _, pid := range pids {
		t, err := cpuTime(pid)
		if err != nil {
			return reading{}, err
		}
		now.own += t
		status := read(fmt.Sprintf("/proc/%d/status", pid))
		if number(status, "Threads:") == 1 {
			now.switches[pid] = number(status, "nonvoluntary_ctxt_switches:")
		}
	}
	for _, pid := range m.softirqd {
		t, _ := cpuTime(pid) // it never ends
		now.own += t
		status := read(fmt.Sprintf("/proc/%d/status", pid))
		now.softirqd += number(status, "voluntary_ctxt_switches:") + number(status, "nonvoluntary_ctxt_switches:")
	}
	if m.runTime.parse == nil {
		return now, nil
	}
	text := read(m.runTime.Path)
	for _, cpu := range m.cpus {
		t, ok := m.runTime.parse(text, cpu)
		if !ok {
			return reading{}, fmt.Errorf("%s: no time of CPU %d", m.runTime.Path, cpu)
		}
		now.run += t
	}
	return now, nil
}

// disturbance returns what disturbed the slice between two readings, or nil. Other processes
// may have the share tolerance of its time. Of the processes that may not be switched, shared
// reports that they share CPUs with each other.
func disturbance(before, after reading, tolerance float64, shared bool) *Disturbance {
	elapsed := after.at.Sub(before.at).Seconds()
	if s := (after.stolen - before.stolen).Seconds(); s > 0 {
		return &Disturbance{Stolen, s}
	}
	others := (after.run - before.run - (after.own - before.own)).Seconds()
	if others > tolerance*elapsed {
		return &Disturbance{Others, others}
	}
	most := switchesPerSecond*elapsed + float64(after.softirqd-before.softirqd)
	for pid, count := range after.switches {
		earlier, ok := before.switches[pid]
		if n := float64(count - earlier); ok && !shared && n > most {
			return &Disturbance{Preempted, n}
		}
	}
	return nil
}

// stolen returns the column steal of some CPUs in /proc/stat (proc_stat(5)).
func stolen(text string, cpus []int) time.Duration {
	const tick = time.Second / 100 // USER_HZ is 100 on all architectures of Go
	var sum time.Duration
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		for _, cpu := range cpus {
			if len(fields) > 8 && fields[0] == fmt.Sprintf("cpu%d", cpu) {
				n, _ := strconv.Atoi(fields[8])
				sum += time.Duration(n) * tick
			}
		}
	}
	return sum
}

// number returns the number after a name in a file like proc_pid_status(5), or 0.
func number(text, name string) int {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(rest))
			return n
		}
	}
	return 0
}

// cpuTime returns the CPU time of all threads of a process, in nanoseconds
// (clock_getcpuclockid(3)).
func cpuTime(pid int) (time.Duration, error) {
	const sched = 2 // CPUCLOCK_SCHED, in include/linux/posix-timers_types.h
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|sched), &t); err != nil {
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, os.NewSyscallError("clock_gettime", err))
	}
	return time.Duration(t.Nano()), nil
}
