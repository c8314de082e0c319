package trial

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"echod/lab/inject/plan"
)

// TestCallsAreThoseOfTheBinary fails if the tables of package plan are out of date: if
// echod makes a call that they do not have, or does not make one that they have.
func TestCallsAreThoseOfTheBinary(t *testing.T) {
	needTracing(t)
	echod := filepath.Join(t.TempDir(), "echod")
	build := exec.Command("go", "build", "-trimpath", "-o", echod, "./cmd/echod")
	build.Dir, build.Env = "../../..", append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	env := openEnv(t, echod)
	program := func(t plan.Target) string { return t.Verb + " " + t.Engine }
	listed := make(map[string][]string) // the calls of a program in any target
	for _, target := range plan.Targets() {
		for _, use := range target.Calls {
			listed[program(target)] = append(listed[program(target)], use.Call)
		}
	}
	for _, target := range plan.Targets() {
		made := make(map[string]bool)
		missing := func(use plan.Use) bool { return !made[use.Call] }
		// Which calls are made when memory is used up depends on which clients are served at
		// the same time.
		for run := 0; run == 0 || run < 5 && slices.ContainsFunc(target.Calls, missing); run++ {
			var counts map[string]int
			var err error
			OnLockedThread(func() { counts, err = env.CountCalls(target) })
			if err != nil {
				t.Errorf("%s: %v", target.Name, err)
				break
			}
			for call, n := range counts {
				made[call] = made[call] || n > 0
			}
		}
		for call := range made {
			if !slices.Contains(listed[program(target)], call) && target.Excluded(call) == "" {
				t.Errorf("%s makes the call %s: add it to Targets or Excluded", target.Name, call)
			}
		}
		for _, use := range target.Calls {
			if missing(use) {
				t.Errorf("%s does not make the call %s, which Targets has", target.Name, use.Call)
			}
		}
	}
}
