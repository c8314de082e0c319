// Package lab starts the program under test and strace, and reads their state from /proc.
//
// Every command has its own process group. The kernel kills it when the thread that
// started it ends (prctl(2), PR_SET_PDEATHSIG). So a caller locks its goroutine to a thread
// for as long as its commands run.
package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a running command. The lines of its standard error are kept.
type Process struct {
	PID   int
	cmd   *exec.Cmd
	ended chan struct{}

	mu    sync.Mutex
	lines []string
	count int
	grown chan struct{} // closed and replaced with each line
}

// maxLines is how many lines are kept. Later lines are only counted.
const maxLines = 5000

// Start runs argv in dir.
func Start(dir string, argv ...string) (*Process, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	cmd.Stderr = w
	p := &Process{cmd: cmd, ended: make(chan struct{}), grown: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		r.Close()
		return nil, err
	}
	p.PID = cmd.Process.Pid
	read := make(chan struct{})
	go func() {
		p.read(r)
		close(read)
	}()
	go func() {
		cmd.Wait()
		select { // a child that still has the pipe must not block us
		case <-read:
		case <-time.After(10 * time.Second):
		}
		close(p.ended)
	}()
	return p, nil
}

// StartStopped runs argv as Start does, but stops the process before the execution, so
// that a tracer can be attached. Continue continues it.
func StartStopped(dir string, argv ...string) (*Process, error) {
	stopped := append([]string{"/bin/sh", "-c", `kill -STOP $$; exec "$@"`, "sh"}, argv...)
	p, err := Start(dir, stopped...)
	if err != nil {
		return nil, err
	}
	if !Until(30*time.Second, func() bool { return p.state() == 'T' }) {
		p.Kill()
		return nil, errors.New("the shell did not stop")
	}
	return p, nil
}

// Continue continues a stopped process.
func (p *Process) Continue() error { return syscall.Kill(p.PID, syscall.SIGCONT) }

func (p *Process) read(r io.ReadCloser) {
	defer r.Close()
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := in.ReadString('\n')
		if line != "" {
			p.mu.Lock()
			p.count++
			if len(p.lines) < maxLines {
				p.lines = append(p.lines, strings.TrimSuffix(line, "\n"))
			}
			close(p.grown)
			p.grown = make(chan struct{})
			p.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}

// Lines returns the lines of standard error, up to a limit.
func (p *Process) Lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lines[:len(p.lines):len(p.lines)]
}

// LineCount returns the number of lines of standard error.
func (p *Process) LineCount() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// Await waits until find returns true for the lines so far. It returns an error if the
// process ends before that, or after limit.
func (p *Process) Await(limit time.Duration, find func([]string) bool) error {
	timeout := time.After(limit)
	for {
		p.mu.Lock()
		lines, grown := p.lines[:len(p.lines):len(p.lines)], p.grown
		p.mu.Unlock()
		if find(lines) {
			return nil
		}
		select {
		case <-grown:
		case <-p.ended:
			if find(p.Lines()) {
				return nil
			}
			return fmt.Errorf("the process ended (%v): %s", p.cmd.ProcessState, strings.Join(p.Lines(), "; "))
		case <-timeout:
			return fmt.Errorf("no such line within %v: %s", limit, strings.Join(p.Lines(), "; "))
		}
	}
}

// Ended reports whether the process has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.ended }

// Exit waits for the end of the process. It returns the exit code, which is -1 after a
// signal, and a description.
func (p *Process) Exit() (code int, text string) {
	<-p.ended
	return p.cmd.ProcessState.ExitCode(), p.cmd.ProcessState.String()
}

// Signal sends sig to the process, and waits for its end, but not longer than limit.
func (p *Process) Signal(sig syscall.Signal, limit time.Duration) (ended bool) {
	if !p.Ended() {
		syscall.Kill(p.PID, sig)
	}
	select {
	case <-p.ended:
		return true
	case <-time.After(limit):
		return false
	}
}

// Kill ends the process and everything in its group.
func (p *Process) Kill() {
	if !p.Ended() {
		syscall.Kill(-p.PID, syscall.SIGKILL)
		<-p.ended
	}
}

// Until calls done repeatedly until it returns true. It returns false after limit.
func Until(limit time.Duration, done func() bool) bool {
	end := time.Now().Add(limit)
	for !done() {
		if time.Now().After(end) {
			return false
		}
		time.Sleep(5 * time.Millisecond)
	}
	return true
}
