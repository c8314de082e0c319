package comparison

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Runner takes samples. Its two CPUs must differ.
type Runner struct {
	Tools     Tools
	ServerCPU int           // of the server
	ClientCPU int           // of the load generator
	Nice      int           // of both; below 0 needs a privilege
	Warmup    time.Duration // not counted
	Measure   time.Duration // counted
}

// sampleTimeout is how much longer than its measuring time a sample may take.
const sampleTimeout = time.Minute

// sample measures one new server process. free lets server and client use both CPUs.
func (b Runner) sample(ctx context.Context, c Server, w Workload, free bool) (Sample, error) {
	ctx, cancel := context.WithTimeout(ctx, b.Warmup+b.Measure+sampleTimeout)
	defer cancel()
	server, client := strconv.Itoa(b.ServerCPU), strconv.Itoa(b.ClientCPU)
	if free {
		server, client = b.cpus(), b.cpus()
	}
	s, err := c.start(ctx, server, b.Nice)
	if err != nil {
		return Sample{}, err
	}
	defer s.stop()
	if w.Kind == Idle {
		return s.measureMemory(ctx, w)
	}
	got, err := b.load(ctx, s, w, client)
	if err != nil {
		return Sample{}, fmt.Errorf("load %s with %s: %w", c.Name, w, err)
	}
	return got, nil
}

// cpus returns both CPUs as a list for taskset(1) and the load generators.
func (b Runner) cpus() string { return fmt.Sprintf("%d,%d", b.ServerCPU, b.ClientCPU) }

// Sample is the result of one measurement of one server.
type Sample struct {
	Seconds  float64 `json:"seconds,omitempty"`
	Messages float64 `json:"messages,omitempty"`
	Lost     float64 `json:"lost,omitempty"` // datagrams that did not come back

	// CPU time.

	ClientSeconds float64 `json:"client_seconds,omitempty"`
	ServerSeconds float64 `json:"server_seconds,omitempty"`

	// Memory of the server for each idle connection, in bytes. It is negative if the server
	// freed more than the connections need.
	IdleBytes float64 `json:"idle_bytes,omitempty"`
}

// load runs the load generator of w against s.
func (b Runner) load(ctx context.Context, s *process, w Workload, cpus string) (Sample, error) {
	load := pinnedCommand(ctx, cpus, append(b.Tools.generator(w, s.port),
		"-w", seconds(b.Warmup), "-t", seconds(b.Measure), "-q", strconv.Itoa(s.cmd.Process.Pid))...)
	var out, stderr bytes.Buffer
	load.Stdout, load.Stderr = &out, &stderr
	if err := launch(load, b.Nice); err != nil {
		return Sample{}, err
	}
	if err := load.Wait(); err != nil {
		return Sample{}, fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	var got Sample
	err := json.Unmarshal(out.Bytes(), &got)
	return got, err
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

// pinnedCommand returns a command that runs on cpus, a list for taskset(1). It is killed when
// ctx is canceled or when this process ends.
//
// The kernel kills it when the thread that started it ends (PR_SET_PDEATHSIG). So the caller
// must be locked to a thread that runs as long: main is.
func pinnedCommand(ctx context.Context, cpus string, argv ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", cpus}, argv...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setsid: true}
	return cmd
}

// launch starts cmd with a nice value.
//
// If the kernel groups processes by session (sched(7), autogroup), a nice value of a process
// counts only within its session, and the session has its own nice value. So each child has
// its own session.
func launch(cmd *exec.Cmd, nice int) error {
	if err := cmd.Start(); err != nil || nice == 0 {
		return err
	}
	pid := cmd.Process.Pid
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, pid, nice); err != nil {
		return killCommand(cmd, fmt.Errorf("nice %d: %w", nice, os.NewSyscallError("setpriority", err)))
	}
	err := os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", pid), []byte(strconv.Itoa(nice)), 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without autogroups has no such file
		return killCommand(cmd, fmt.Errorf("nice %d: %w", nice, err))
	}
	return nil
}

// killCommand kills a command after an error, and returns the error.
func killCommand(cmd *exec.Cmd, err error) error {
	cmd.Process.Kill()
	cmd.Wait()
	return err
}
