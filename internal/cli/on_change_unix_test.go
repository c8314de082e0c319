//go:build unix

package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"echod/internal/watch"
)

func TestCommandHasTheTransitionInItsEnvironment(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	err := onChange(`echo "$WATCH_TARGET $WATCH_ADDRESS $WATCH_STATE $WATCH_CLASS $WATCH_SINCE $WATCH_LABEL_env" >'`+out+`'`)(t.Context(), watch.Transition{
		Target: "dns+tcp://a:7", Address: "10.0.0.1:7", Labels: map[string]string{"env": "$(exit 1)"}, Class: "refused", Since: time.Unix(1e9, 0)})
	got, _ := os.ReadFile(out)
	if want := "dns+tcp://a:7 10.0.0.1:7 down refused 2001-09-09T01:46:40Z $(exit 1)\n"; err != nil || string(got) != want {
		t.Errorf("got %q and %v, want %q", got, err, want)
	}
}

// TestCommandMayLeaveAProcess that has its output open: its exit code counts.
func TestCommandMayLeaveAProcess(t *testing.T) {
	t.Parallel()
	if err := onChange(`sleep 5 &`)(t.Context(), watch.Transition{}); err != nil {
		t.Errorf("got %v, want no failure", err)
	}
	if err := onChange(`sleep 5 & exit 3`)(t.Context(), watch.Transition{}); err == nil {
		t.Error("got no failure, want exit status 3")
	}
}

func TestFailureOfACommandHasTheEndOfItsOutput(t *testing.T) {
	err := onChange(`head -c 100000 /dev/zero | tr '\0' x; echo; echo no route >&2; exit 3`)(t.Context(), watch.Transition{})
	if err == nil || !strings.HasPrefix(err.Error(), "exit status 3: x") || !strings.HasSuffix(err.Error(), "x\nno route") || len(err.Error()) > 2*maxOutput {
		t.Errorf("got %.40v…, want the exit status and the end of the output", err)
	}
}

func TestCommandThatCannotBeStartedSaysWhy(t *testing.T) {
	err := onChange("nothing-of-that-name")(t.Context(), watch.Transition{})
	if err == nil || !strings.HasPrefix(err.Error(), "exit status 127: ") || !strings.Contains(err.Error(), "nothing-of-that-name") {
		t.Errorf("got %v, want what the shell says", err)
	}
	long := map[string]string{"env": strings.Repeat("x", 1<<20)} // more than execve(2) takes
	if err := onChange("true")(t.Context(), watch.Transition{Labels: long}); !errors.Is(err, syscall.E2BIG) {
		t.Errorf("got %v, want %v", err, syscall.E2BIG)
	}
}

// TestCommandThatHasGoneIsNotKilled: there is no error of kill(2) if the process has just been
// reaped, or has left its group.
func TestCommandThatHasGoneIsNotKilled(t *testing.T) {
	cmd := shell(t.Context(), "exit 0")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Cancel(); err != os.ErrProcessDone {
		t.Errorf("got %v, want %v", err, os.ErrProcessDone)
	}
}

// TestCommandThatCannotBeKilledIsNotWaitedFor: e.g. it waits for a disk. There are not more
// of them than commands may run at once.
func TestCommandThatCannotBeKilledIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var all stuck
		disk := make(chan error)
		hang := func() error { return <-disk }
		for range watch.MaxCalls {
			if err, ended := all.run(ctx, hang); err == nil || ended {
				t.Errorf("got %v, ended %v; want that it does not end", err, ended)
			}
		}
		if err, _ := all.run(ctx, hang); err == nil || !strings.HasPrefix(err.Error(), "not run: 16 commands") {
			t.Errorf("got %v, want that it is not run", err)
		}
		disk <- nil
		synctest.Wait()
		if err, ended := all.run(ctx, func() error { return nil }); err != nil || !ended {
			t.Errorf("got %v, ended %v; want that another runs when one has ended", err, ended)
		}
		close(disk)
	})
}

// TestCommandIsKilledWithItsProcesses: the shell waits for a process that it has started.
func TestCommandIsKilledWithItsProcesses(t *testing.T) {
	started := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(started, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- onChange(`exec 3>'`+started+`'; sleep 600 & echo >&3; wait`)(ctx, watch.Transition{}) }()
	fifo, err := os.Open(started) // open as long as a process of the command lives
	if err != nil {
		t.Fatal(err)
	}
	defer fifo.Close()
	fifo.Read(make([]byte, 1))
	cancel()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("got %v, want that it was killed", err)
	}
	if n, err := fifo.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("got %d bytes and %v, want that no process has the file open", n, err)
	}
}
