package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"echod/internal/watch"
)

// maxOutput is how much of the output of a command is in the log if it fails, in bytes.
const maxOutput = 1 << 10

// tail keeps the last maxOutput bytes that are written to it.
type tail struct{ last []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.last = append(t.last, p...)
	t.last = t.last[max(0, len(t.last)-maxOutput):]
	return len(p), nil
}

// onChange returns a function that runs command in the shell, with t in its environment.
// When ctx ends, it kills the command and the processes that it started. The error has the
// end of the command's output.
func onChange(command string) func(ctx context.Context, t watch.Transition) error {
	return func(ctx context.Context, t watch.Transition) error {
		cmd := shell(ctx, command)
		cmd.WaitDelay = time.Second // for processes that keep the output open
		cmd.Env = append(os.Environ(), transitionEnv(t)...)
		var output tail
		cmd.Stdout, cmd.Stderr = &output, &output
		err := cmd.Run()
		if err == nil || ctx.Err() == nil && errors.Is(err, exec.ErrWaitDelay) {
			return nil // the second: it has exited with 0, and a process that it started runs on
		}
		if ctx.Err() != nil {
			err = fmt.Errorf("killed after %v: %w", watch.CallTimeout, err)
		}
		if said := bytes.TrimSpace(output.last); len(said) > 0 {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return err
	}
}

// transitionEnv returns the environment variables of a command. Their names do not begin
// with ECHOD_, because such variables are flags of an echod that the command runs.
func transitionEnv(t watch.Transition) []string {
	state := map[bool]string{true: "up", false: "down"}[t.Up]
	env := []string{
		"WATCH_TARGET=" + t.Target, "WATCH_ADDRESS=" + t.Address, "WATCH_STATE=" + state,
		"WATCH_CLASS=" + string(t.Class), "WATCH_SINCE=" + t.Since.UTC().Format(time.RFC3339),
	}
	for name, value := range t.Labels {
		env = append(env, "WATCH_LABEL_"+name+"="+value)
	}
	return env
}
