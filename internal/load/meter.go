package load

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// meter measures processor time between two moments, and looks now and then at
// the memory of one process.
type meter struct {
	pid         int
	own, system float64
	server      float64
	rss         int64
}

func newMeter(pid int) *meter {
	m := &meter{pid: pid, own: ownSeconds(), system: systemSeconds(), server: processSeconds(pid)}
	m.sample()
	return m
}

// sample looks at the server's memory.
func (m *meter) sample() { m.rss = max(m.rss, residentBytes(m.pid)) }

// read is what was spent since the meter was made.
func (m *meter) read(cpu *CPU) {
	m.sample()
	cpu.Client = ownSeconds() - m.own
	cpu.System = systemSeconds() - m.system
	if now := processSeconds(m.pid); m.pid > 0 && now > 0 {
		spent, rss := now-m.server, m.rss
		cpu.Server, cpu.ServerRSS = &spent, &rss
	}
}

// tick is the unit of times in /proc: USER_HZ, which is 100 on every
// architecture that Go knows.
const tick = time.Second / 100

// systemSeconds is what all processors spent on anything but idling: proc(5),
// /proc/stat. 0 where the kernel does not tell.
func systemSeconds() float64 {
	line, _, _ := strings.Cut(text("/proc/stat"), "\n")
	fields := strings.Fields(line)
	busy := 0.0
	for i, field := range fields {
		// user nice system idle iowait irq softirq; the rest is in others, or stolen
		if i >= 1 && i <= 7 && i != 4 && i != 5 {
			n, _ := strconv.ParseFloat(field, 64)
			busy += n
		}
	}
	return busy * tick.Seconds()
}

// processSeconds is what one process has spent: proc_pid_stat(5).
func processSeconds(pid int) float64 {
	stat := text(fmt.Sprintf("/proc/%d/stat", pid))
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:]) // a name may have parentheses
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) * tick.Seconds()
}

// residentBytes is the memory that one process has now: proc_pid_status(5).
func residentBytes(pid int) int64 {
	for line := range strings.Lines(text(fmt.Sprintf("/proc/%d/status", pid))) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return kib << 10
		}
	}
	return 0
}
