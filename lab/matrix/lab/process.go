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

// stopTimeout is how long a program may take to end after SIGTERM.
const stopTimeout = 3 * time.Second

// process is a running command with its descendants.
type process struct {
	cmd    *exec.Cmd
	output *limitedBuffer
	ended  chan struct{}
}

// start runs argv in dir. The kernel kills the process when the calling thread ends
// (PR_SET_PDEATHSIG in prctl(2)), so the caller must lock its goroutine to the thread.
func (w *Env) start(dir string, argv []string) (*process, error) {
	path, err := w.Look(argv[0])
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+w.path(), "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	p := &process{cmd: cmd, output: &limitedBuffer{}, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	// Children may have the pipes open for longer.
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", argv[0], err)
	}
	go func() { cmd.Wait(); close(p.ended) }()
	return p, nil
}

// run runs argv in dir and waits for its end.
func (w *Env) run(ctx context.Context, dir string, argv []string) error {
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

// stop sends SIGTERM to the process, and kills it after a timeout. It kills all descendants.
func (p *process) stop() {
	family := descendants(p.cmd.Process.Pid)
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		p.cmd.Process.Kill()
		<-p.ended
	}
	for _, member := range family {
		member.kill()
	}
}

// child is a descendant. Its start time distinguishes it from a later process with the same
// number.
type child struct {
	pid, parent int
	start       string
	zombie      bool
}

func (r child) kill() {
	if now, err := stat(r.pid); err == nil && now.start == r.start {
		syscall.Kill(r.pid, syscall.SIGKILL)
		// It has become a child of this process, which is a subreaper.
		syscall.Wait4(r.pid, nil, 0, nil)
	}
}

// descendants returns the children of pid, their children, and so on.
func descendants(pid int) []child {
	children := map[int][]child{}
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

// stat returns the state, the parent and the start time of a process: fields 3, 4 and 22 of
// proc_pid_stat(5).
func stat(pid int) (child, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return child{}, err
	}
	// Field 2 is a name in parentheses, which can contain any character.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 20 {
		return child{}, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(fields)+2)
	}
	parent, err := strconv.Atoi(fields[1])
	return child{pid, parent, fields[19], fields[0] == "Z"}, err
}

// AdoptOrphans makes this process the parent of all orphaned descendants.
func AdoptOrphans() error {
	const setChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER of prctl(2)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0); errno != 0 {
		return os.NewSyscallError("prctl", errno)
	}
	return nil
}

// KillDescendants kills all descendants of this process. It returns how many were alive.
func KillDescendants() int {
	alive := 0
	for _, member := range descendants(os.Getpid()) {
		if !member.zombie {
			alive++
		}
		member.kill()
	}
	return alive
}

// limitedBuffer keeps the first 64 KiB of the output of a program.
type limitedBuffer struct {
	mu   sync.Mutex
	text []byte
}

func (t *limitedBuffer) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := 64<<10 - len(t.text); room > 0 {
		t.text = append(t.text, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

func (t *limitedBuffer) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
