package duel

import (
	"context"
	"os/exec"
	"strconv"
	"syscall"
)

// pinned is a command that will run on one processor and die with ctx, or with
// this process, however that ends.
//
// The kernel keeps the last part of that (PR_SET_PDEATHSIG) for the thread that
// started the command, not for the process, so the caller must hold a thread
// that lives as long: main, locked to its own.
func pinned(ctx context.Context, cpu int, argv ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", strconv.Itoa(cpu)}, argv...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}
