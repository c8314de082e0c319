package lab

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// userHZ is the unit of the times in /proc/PID/stat (proc(5)). It is 100 on every
// architecture that Go supports.
const userHZ = 100

// stat returns the fields of /proc/PID/stat from the third one, the state. Earlier fields can
// contain spaces.
func (p *Process) stat() []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
}

func (p *Process) state() byte {
	if fields := p.stat(); len(fields) > 0 {
		return fields[0][0]
	}
	return 0
}

// Runnable reports whether a thread of the process is running or runnable (state R in
// proc(5)).
func (p *Process) Runnable() bool {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.PID))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		if _, rest, ok := strings.Cut(string(text), ") "); ok && strings.HasPrefix(rest, "R") {
			return true
		}
	}
	return false
}

// CPU returns the CPU time of the process in user and system mode.
func (p *Process) CPU() time.Duration {
	fields := p.stat()
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * time.Second / userHZ
}

// Descriptors returns the links in /proc/PID/fd, e.g. "socket:[4711]", "pipe:[4712]" or a
// path, and how often each occurs.
func (p *Process) Descriptors() map[string]int {
	dir := fmt.Sprintf("/proc/%d/fd", p.PID)
	entries, _ := os.ReadDir(dir)
	all := make(map[string]int)
	for _, entry := range entries {
		if link, err := os.Readlink(dir + "/" + entry.Name()); err == nil {
			all[link]++
		}
	}
	return all
}

// DescriptorCount returns the number of open descriptors of the process.
func (p *Process) DescriptorCount() int {
	n := 0
	for _, k := range p.Descriptors() {
		n += k
	}
	return n
}

// Link returns the link of descriptor fd in /proc/PID/fd.
func (p *Process) Link(fd int) (string, error) {
	return os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", p.PID, fd))
}

// ListenerAt returns the link, as in /proc/PID/fd, of the socket that listens at addr.
func ListenerAt(addr *net.TCPAddr) (string, error) {
	text, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return "", err
	}
	const listen = "0A" // TCP_LISTEN
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) > 9 && fields[1] == hexAddress(addr.IP, addr.Port) && fields[3] == listen {
			return "socket:[" + fields[9] + "]", nil
		}
	}
	return "", fmt.Errorf("no socket listens at %s", addr)
}

// hexAddress formats an IPv4 address as /proc/net/tcp does, with the bytes of the address in
// the order of the machine.
func hexAddress(ip net.IP, port int) string {
	four := ip.To4()
	return fmt.Sprintf("%02X%02X%02X%02X:%04X", four[3], four[2], four[1], four[0], port)
}
