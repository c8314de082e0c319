//go:build unix

package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// shell returns a command that is killed together with the processes that it starts, except
// those that have left its process group (setpgid(2), setsid(2)).
func shell(ctx context.Context, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone // it has just ended, or has left its group: then package exec kills it alone
		}
		return os.NewSyscallError("kill", err)
	}
	return cmd
}
