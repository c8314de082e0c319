package comparison

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// syscallCounter counts the system calls of a process, with the tracepoint
// raw_syscalls:sys_enter (perf_event_open(2)). The count is exact. The tracepoint makes each
// system call of the machine slower by some 100 ns, so count in a run of its own.
type syscallCounter struct {
	events map[int]int // a descriptor for each thread
}

// countSyscalls starts to count the system calls of all threads of a process, also of those
// that start later. It needs CAP_PERFMON, or root, and /sys/kernel/tracing.
func countSyscalls(pid int) (*syscallCounter, error) {
	tracepoint, err := sysEnter()
	if err != nil {
		return nil, err
	}
	c := &syscallCounter{events: make(map[int]int)}
	for added := true; added; { // a thread may have started another one before it was counted
		if added, err = c.addThreads(pid, tracepoint); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// sysEnter returns the number of the tracepoint.
func sysEnter() (uint64, error) {
	const event = "/events/raw_syscalls/sys_enter/id"
	text, err := os.ReadFile("/sys/kernel/tracing" + event)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = os.ReadFile("/sys/kernel/debug/tracing" + event)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: as root, mount -t tracefs tracefs /sys/kernel/tracing", err)
	}
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
}

// addThreads starts to count the threads that are not counted yet. It reports whether there
// were any.
func (c *syscallCounter) addThreads(pid int, tracepoint uint64) (bool, error) {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return false, err
	}
	before := len(c.events)
	for _, thread := range threads {
		tid, err := strconv.Atoi(thread.Name())
		if err != nil {
			return false, err
		}
		if _, ok := c.events[tid]; ok {
			continue
		}
		attr := unix.PerfEventAttr{
			Type:   unix.PERF_TYPE_TRACEPOINT,
			Size:   uint32(unsafe.Sizeof(unix.PerfEventAttr{})),
			Config: tracepoint,
			Bits:   unix.PerfBitInherit,
		}
		fd, err := unix.PerfEventOpen(&attr, tid, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if errors.Is(err, unix.ESRCH) {
			continue // it has ended
		}
		if err != nil {
			return false, os.NewSyscallError("perf_event_open", err)
		}
		c.events[tid] = fd
	}
	return len(c.events) > before, nil
}

// total returns the number of system calls since countSyscalls started.
func (c *syscallCounter) total() (float64, error) {
	var sum uint64
	for _, fd := range c.events {
		var count [8]byte
		if _, err := unix.Read(fd, count[:]); err != nil {
			return 0, os.NewSyscallError("read", err)
		}
		sum += binary.NativeEndian.Uint64(count[:])
	}
	return float64(sum), nil
}

func (c *syscallCounter) close() {
	for _, fd := range c.events {
		unix.Close(fd)
	}
}
