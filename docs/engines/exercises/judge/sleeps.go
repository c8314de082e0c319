//go:build linux

package judge

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Finding is what a judge found, in the form in which echod check reports a failed rule.
type Finding struct{ Rule, Seen, Means, Cause, Remedy string }

func (f Finding) String() string {
	return fmt.Sprintf("%s\n  seen    %s\n  means   %s\n  cause   %s\n  remedy  %s",
		f.Rule, f.Seen, f.Means, f.Cause, f.Remedy)
}

const (
	looks       = 100                  // at the server, to see whether it sleeps
	mostRunning = 75                   // looks at which a server that has nothing to do may be running
	pause       = 5 * time.Millisecond // between two looks, at least: the verdict does not depend on it
)

// Sleeps fails, as a subtest, if the server does not sleep while it has nothing to do. A
// server that spins is running, or waits for a CPU, at every look, also on a busy machine:
// so this is better than to measure its CPU time. f says what a failure means; Sleeps adds
// what it has seen.
func (s *Server) Sleeps(t *testing.T, f Finding) {
	t.Helper()
	t.Run(f.Rule, func(t *testing.T) {
		running := 0
		for range looks {
			if s.isRunning(t) {
				running++
			}
			time.Sleep(pause)
		}
		f.Seen = fmt.Sprintf("the server had nothing to do, and was running at %d of %d looks (state R, see ps(1))", running, looks)
		if running > mostRunning {
			t.Error(f)
		} else {
			t.Log(f.Seen)
		}
	})
}

// isRunning reports whether a thread of the server is in the state R, running or waiting for
// a CPU: proc_pid_stat(5).
func (s *Server) isRunning(t *testing.T) bool {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range threads {
		// PID (NAME) STATE …: the name may contain anything. A thread may have ended.
		stat, _ := os.ReadFile(path)
		if end := bytes.LastIndex(stat, []byte(") ")); end > 0 && stat[end+2] == 'R' {
			return true
		}
	}
	return false
}
