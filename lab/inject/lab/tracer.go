package lab

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// Tracer is an strace that is attached to a process.
type Tracer struct {
	process  *Process
	path     string // of the output
	read     int64  // bytes of the output
	calls    int
	injected int
	cut      bool // strace detached in the middle of a call
}

// attachTimeout is how long strace may take to attach or to detach.
const attachTimeout = 30 * time.Second

// Attach starts an strace that traces call in p and makes it fail as expression says. If
// there are links, it traces only calls on these descriptors (strace -P).
func Attach(p *Process, dir, call, expression string, links []string) (*Tracer, error) {
	t := &Tracer{path: filepath.Join(dir, "strace.out")}
	argv := []string{"strace", "-f", "-p", fmt.Sprint(p.PID), "-o", t.path, "-s", "0", "-e", "trace=" + call}
	if expression != "" {
		argv = append(argv, "-e", expression)
	}
	for _, link := range links {
		argv = append(argv, "-P", link)
	}
	var err error
	if t.process, err = Start(dir, argv...); err != nil {
		return nil, err
	}
	attached := func(lines []string) bool { return strings.Contains(strings.Join(lines, "\n"), "attached") }
	if err := t.process.Await(attachTimeout, attached); err != nil {
		t.process.Kill()
		return nil, fmt.Errorf("strace: %w", err)
	}
	return t, nil
}

// Detach ends strace. The traced process continues.
func (t *Tracer) Detach() error {
	if !t.process.Signal(syscall.SIGINT, attachTimeout) {
		t.process.Kill()
		return fmt.Errorf("strace did not detach within %v", attachTimeout)
	}
	return nil
}

// Counts returns the number of traced calls, and how many of them were made to fail.
func (t *Tracer) Counts() (calls, injected int) {
	f, err := os.Open(t.path)
	if err != nil {
		return 0, 0
	}
	defer f.Close()
	buf := make([]byte, 1<<20)
	for {
		n, err := f.ReadAt(buf, t.read)
		complete := bytes.LastIndexByte(buf[:n], '\n') + 1
		for line := range bytes.Lines(buf[:complete]) {
			t.count(line)
		}
		t.read += int64(complete)
		if err != nil || complete == 0 {
			return t.calls, t.injected
		}
	}
}

func (t *Tracer) count(line []byte) {
	if bytes.Contains(line, []byte("<detached ...>")) {
		t.cut = true
	}
	if bytes.Contains(line, []byte(" = ")) {
		t.calls++
	}
	if bytes.Contains(line, []byte("(INJECTED)")) {
		t.injected++
	}
}

// Cut reports whether strace has detached in the middle of a call.
func (t *Tracer) Cut() bool {
	t.Counts()
	return t.cut
}

// callName matches the name of a call in the output of strace.
var callName = regexp.MustCompile(`(?m)^\d+ +([a-z0-9_]+)\(`)

// Names returns the names of the traced calls, and how often each was made.
func (t *Tracer) Names() (map[string]int, error) {
	text, err := os.ReadFile(t.path)
	if err != nil {
		return nil, err
	}
	all := make(map[string]int)
	for _, match := range callName.FindAllSubmatch(text, -1) {
		all[string(match[1])]++
	}
	return all, nil
}
