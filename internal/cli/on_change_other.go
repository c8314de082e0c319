//go:build !unix

package cli

import (
	"context"
	"os/exec"
)

// shell returns a command that is killed when ctx ends. The processes that it starts are
// not.
func shell(ctx context.Context, command string) *exec.Cmd {
	return exec.CommandContext(ctx, "cmd", "/c", command)
}
