package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
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

// killDelay is how long a command that was killed may take to end, and how long a process that
// it leaves may keep its output open.
const killDelay = time.Second

// onChange returns a function that runs command in the shell, with t in its environment.
// When ctx ends, it kills the command and the processes that it started. The error has the
// end of the command's output.
func onChange(command string) func(ctx context.Context, t watch.Transition) error {
	var stuck stuck
	return func(ctx context.Context, t watch.Transition) error {
		cmd := shell(ctx, command)
		cmd.WaitDelay = killDelay
		cmd.Env = append(os.Environ(), transitionEnv(t)...)
		var output tail
		cmd.Stdout, cmd.Stderr = &output, &output
		err, ended := stuck.run(ctx, cmd.Run)
		if err == nil || ctx.Err() == nil && errors.Is(err, exec.ErrWaitDelay) {
			return nil // the second: it has exited with 0, and a process that it started runs on
		}
		if ctx.Err() != nil {
			err = fmt.Errorf("killed after %v: %w", watch.CallTimeout, err)
		}
		if !ended {
			return err
		}
		if said := bytes.TrimSpace(bytes.ToValidUTF8(output.last, nil)); len(said) > 0 {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return err
	}
}

// stuck counts the commands that do not end although they were killed: another user's, e.g.
// of sudo(8), or one that waits for a disk (state D of ps(1)). Nothing waits for them.
type stuck struct{ n atomic.Int64 }

// run runs a command that ends when ctx does. It reports whether it has ended.
func (s *stuck) run(ctx context.Context, command func() error) (err error, ended bool) {
	if n := s.n.Load(); n >= watch.MaxCalls {
		return fmt.Errorf("not run: %d commands before it were killed and do not end", n), false
	}
	result := make(chan error, 1)
	go func() { result <- command() }()
	select {
	case err := <-result:
		return err, true
	case <-ctx.Done():
	}
	late := time.NewTimer(3 * killDelay)
	defer late.Stop()
	select {
	case err := <-result:
		return err, true
	case <-late.C:
		s.n.Add(1)
		go func() { <-result; s.n.Add(-1) }()
		return errors.New("it does not end: is it another user's, or does it wait for a disk?"), false
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
