package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// grace is how long a program may take to end when it is asked to.
const grace = 3 * time.Second

// process is a running command and what it forked.
type process struct {
	cmd    *exec.Cmd
	output *transcript
	ended  chan struct{}
}

// start runs argv in dir. It ends with this process, however that ends: the
// caller must hold the thread that calls, as prctl(2) says of
// PR_SET_PDEATHSIG.
func (w *Workshop) start(dir string, argv []string) (*process, error) {
	path, err := w.Look(argv[0])
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+w.path(), "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	p := &process{cmd: cmd, output: &transcript{}, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	// Forked children may hold the pipes for longer than it takes to end.
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", argv[0], err)
	}
	go func() { cmd.Wait(); close(p.ended) }()
	return p, nil
}

// run runs argv in dir to its end.
func (w *Workshop) run(ctx context.Context, dir string, argv []string) error {
	p, err := w.start(dir, argv)
	if err != nil {
		return err
	}
	select {
	case <-p.ended:
	case <-ctx.Done():
		p.stop()
		return ctx.Err()
	}
	if !p.cmd.ProcessState.Success() {
		return fmt.Errorf("%s: %v\n%s", argv[0], p.cmd.ProcessState, p.output)
	}
	return nil
}

// stop asks the process to end, and ends it and all that it forked if it does
// not.
func (p *process) stop() {
	family := descendants(p.cmd.Process.Pid)
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(grace):
		p.cmd.Process.Kill()
		<-p.ended
	}
	for _, member := range family {
		member.kill()
	}
}

// relative is a forked process, told apart from a later one of the same number
// by when it was started.
type relative struct {
	pid, parent int
	start       string
	zombie      bool
}

func (r relative) kill() {
	if now, err := stat(r.pid); err == nil && now.start == r.start {
		syscall.Kill(r.pid, syscall.SIGKILL)
		// A subreaper's part: it has become our child.
		syscall.Wait4(r.pid, nil, 0, nil)
	}
}

// descendants are the children of pid, theirs, and so on.
func descendants(pid int) []relative {
	children := map[int][]relative{}
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		if n, err := strconv.Atoi(entry.Name()); err == nil {
			if r, err := stat(n); err == nil {
				children[r.parent] = append(children[r.parent], r)
			}
		}
	}
	family := children[pid]
	for i := 0; i < len(family); i++ {
		family = append(family, children[family[i].pid]...)
	}
	return family
}

// stat reads the state, the parent and the start time of a process: fields 3, 4
// and 22 of proc_pid_stat(5).
func stat(pid int) (relative, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return relative{}, err
	}
	// Field 2 is a name in parentheses, which may hold anything.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 20 {
		return relative{}, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(fields)+2)
	}
	parent, err := strconv.Atoi(fields[1])
	return relative{pid, parent, fields[19], fields[0] == "Z"}, err
}

// AdoptOrphans makes this process the parent of what its children leave behind,
// so that nothing can slip away.
func AdoptOrphans() error {
	const setChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER of prctl(2)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0); errno != 0 {
		return os.NewSyscallError("prctl", errno)
	}
	return nil
}

// Sweep ends what is left of this process's descendants and tells how many of
// them were alive.
func Sweep() int {
	alive := 0
	for _, member := range descendants(os.Getpid()) {
		if !member.zombie {
			alive++
		}
		member.kill()
	}
	return alive
}

// transcript keeps the first 64 KiB of what a program says.
type transcript struct {
	mu   sync.Mutex
	text []byte
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := 64<<10 - len(t.text); room > 0 {
		t.text = append(t.text, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
