package contest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// pinned is a command that will run on cpus, a list for taskset(1), and die with ctx, or with
// this process, however that ends.
//
// The kernel keeps the last part of that (PR_SET_PDEATHSIG) for the thread that
// started the command, not for the process, so the caller must hold a thread
// that lives as long: main, locked to its own.
func pinned(ctx context.Context, cpus string, argv ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", cpus}, argv...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setsid: true}
	return cmd
}

// launch starts cmd with a nice value.
//
// Where the kernel groups processes by session (sched(7), autogroup), a nice
// value weighs only within the session, and what competes with others is the
// session's own. Hence each child has a session to itself.
func launch(cmd *exec.Cmd, nice int) error {
	if err := cmd.Start(); err != nil || nice == 0 {
		return err
	}
	pid := cmd.Process.Pid
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, pid, nice); err != nil {
		return abandon(cmd, fmt.Errorf("nice %d: %w", nice, os.NewSyscallError("setpriority", err)))
	}
	err := os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", pid), []byte(strconv.Itoa(nice)), 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without autogroups has no such file
		return abandon(cmd, fmt.Errorf("nice %d: %w", nice, err))
	}
	return nil
}

// abandon ends a command that cannot be used, and passes on why.
func abandon(cmd *exec.Cmd, why error) error {
	cmd.Process.Kill()
	cmd.Wait()
	return why
}
