package cli

import (
	"context"
	"os/exec"
	"syscall"
)

// shell returns a command that is killed when ctx ends. The processes that it starts are
// not. With /s, cmd removes the outer quotes only; package exec would escape those in
// command, which cmd does not understand.
func shell(ctx context.Context, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "cmd.exe")
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: `cmd.exe /s /c "` + command + `"`}
	return cmd
}
