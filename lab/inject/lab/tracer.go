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
	process *Process
	path    string // of its output
	seen    int64  // bytes of it that were read
	calls   int
	hits    int
	cut     bool
}

// attachLimit is how long strace may take to attach or to detach.
const attachLimit = 30 * time.Second

// Attach has strace trace call in p and make it fail as expression says. Only
// calls on the descriptors in links count, if there are any (strace -P).
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
	if err := t.process.Await(attachLimit, attached); err != nil {
		t.process.Kill()
		return nil, fmt.Errorf("strace: %w", err)
	}
	return t, nil
}

// Detach ends strace. The traced process goes on unhindered.
func (t *Tracer) Detach() error {
	if !t.process.Signal(syscall.SIGINT, attachLimit) {
		t.process.Kill()
		return fmt.Errorf("strace did not detach within %v", attachLimit)
	}
	return nil
}

// Counts returns how many calls were traced so far, and how many of them were
// made to fail.
func (t *Tracer) Counts() (calls, injected int) {
	f, err := os.Open(t.path)
	if err != nil {
		return 0, 0
	}
	defer f.Close()
	buf := make([]byte, 1<<20)
	for {
		n, err := f.ReadAt(buf, t.seen)
		whole := bytes.LastIndexByte(buf[:n], '\n') + 1
		for line := range bytes.Lines(buf[:whole]) {
			t.count(line)
		}
		t.seen += int64(whole)
		if err != nil || whole == 0 {
			return t.calls, t.hits
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
		t.hits++
	}
}

// Cut reports whether strace has detached in the middle of a call.
func (t *Tracer) Cut() bool {
	t.Counts()
	return t.cut
}

// named finds the name of a call in a line of strace's.
var named = regexp.MustCompile(`(?m)^\d+ +([a-z0-9_]+)\(`)

// Names returns the names of the calls that were traced.
func (t *Tracer) Names() (map[string]int, error) {
	text, err := os.ReadFile(t.path)
	if err != nil {
		return nil, err
	}
	all := make(map[string]int)
	for _, match := range named.FindAllSubmatch(text, -1) {
		all[string(match[1])]++
	}
	return all, nil
}
