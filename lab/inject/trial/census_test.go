package trial

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"echod/lab/inject/plan"
)

// TestCallsAreThoseOfTheBinary says when the tables of package plan are out of
// date: when echod makes a call that they do not know, or no longer makes one.
func TestCallsAreThoseOfTheBinary(t *testing.T) {
	needTracing(t)
	echod := filepath.Join(t.TempDir(), "echod")
	build := exec.Command("go", "build", "-trimpath", "-o", echod, "./cmd/echod")
	build.Dir, build.Env = "../../..", append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	site := openSite(t, echod)
	program := func(t plan.Target) string { return t.Verb + " " + t.Engine }
	fails := make(map[string][]string) // the calls that fail in a program, in any target
	for _, target := range plan.Targets() {
		for _, use := range target.Calls {
			fails[program(target)] = append(fails[program(target)], use.Call)
		}
	}
	for _, target := range plan.Targets() {
		var made map[string]int
		var err error
		Held(func() { made, err = site.Census(target) })
		if err != nil {
			t.Errorf("%s: %v", target.Name, err)
			continue
		}
		for call := range made {
			if !slices.Contains(fails[program(target)], call) && target.LeftOut(call) == "" {
				t.Errorf("%s makes the call %s: it belongs into Targets or LeftOut", target.Name, call)
			}
		}
		for _, use := range target.Calls {
			if made[use.Call] == 0 {
				t.Errorf("%s does not make the call %s, which its table has", target.Name, use.Call)
			}
		}
	}
}
