package load

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// meter measures processor time since it was made, and samples the memory of one
// process.
type meter struct {
	pid            int
	client, system float64
	server         float64
	rss            int64
}

func newMeter(pid int) *meter {
	m := &meter{pid: pid, client: ownSeconds(), system: systemSeconds(), server: processSeconds(pid)}
	m.sample()
	return m
}

// sample reads the memory of the server.
func (m *meter) sample() { m.rss = max(m.rss, residentBytes(m.pid)) }

// read stores what was spent since the meter was made.
func (m *meter) read(cpu *CPU) {
	m.sample()
	cpu.Client = ownSeconds() - m.client
	cpu.System = systemSeconds() - m.system
	if now := processSeconds(m.pid); m.pid > 0 && now > 0 {
		spent, rss := now-m.server, m.rss
		cpu.Server, cpu.ServerRSS = &spent, &rss
	}
}

// tick is the unit of times in /proc: USER_HZ, which is 100 on every
// architecture that Go knows.
const tick = time.Second / 100

// systemSeconds returns what all processors spent, without the idle time: proc(5),
// /proc/stat. 0 where that is not known.
func systemSeconds() float64 {
	line, _, _ := strings.Cut(readFile("/proc/stat"), "\n")
	fields := strings.Fields(line)
	busy := 0.0
	for i, field := range fields {
		// user nice system idle iowait irq softirq; the rest is part of these, or of other machines
		if i >= 1 && i <= 7 && i != 4 && i != 5 {
			n, _ := strconv.ParseFloat(field, 64)
			busy += n
		}
	}
	return busy * tick.Seconds()
}

// processSeconds returns what one process has spent: proc_pid_stat(5).
func processSeconds(pid int) float64 {
	stat := readFile(fmt.Sprintf("/proc/%d/stat", pid))
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:]) // the name may contain parentheses
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) * tick.Seconds()
}

// residentBytes returns the memory that one process uses now: proc_pid_status(5).
func residentBytes(pid int) int64 {
	for line := range strings.Lines(readFile(fmt.Sprintf("/proc/%d/status", pid))) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return kib << 10
		}
	}
	return 0
}
