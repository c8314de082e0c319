//go:build unix

package cli

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"echod/echotest"
)

// rows are the rows of the fault matrix that scripts test, which begin with
// their name; TestE7 and its like run them.
var rows = []string{"e7-", "f1-", "g2-", "g6-"}

// TestScripts runs the scripts of testdata/script, one behaviour each.
func TestScripts(t *testing.T) {
	runScripts(t, func(name string) bool {
		return !slices.ContainsFunc(rows, func(row string) bool { return strings.HasPrefix(name, row) })
	})
}

// TestE7: a stale socket file is replaced, another live daemon's is refused.
func TestE7(t *testing.T) { runRow(t, "e7-") }

// TestF1: TLS is served honestly, and a bad certificate replaces no good one.
func TestF1(t *testing.T) { runRow(t, "f1-") }

// TestG2: SIGTERM drains, then resets; a second one ends the drain.
func TestG2(t *testing.T) { runRow(t, "g2-") }

// TestG6: port in use, no permission, bad address: a clear error, exit 1.
func TestG6(t *testing.T) { runRow(t, "g6-") }

func runRow(t *testing.T, row string) {
	runScripts(t, func(name string) bool { return strings.HasPrefix(name, row) })
}

func runScripts(t *testing.T, wanted func(name string) bool) {
	all, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files := slices.DeleteFunc(all, func(path string) bool { return !wanted(filepath.Base(path)) })
	if len(files) == 0 {
		t.Fatal("no script bears that name")
	}
	// A server that takes the client's FIN for the end of both directions.
	broken := echotest.NewBroken(t, echotest.ClosesOnFIN())
	// Two that are no echo, and one over TLS.
	swaps, banner, secure := echotest.NewBroken(t, echotest.SwapsBytes()), echotest.NewBroken(t, echotest.SendsBanner()), echotest.NewTLSServer(t)
	testscript.Run(t, testscript.Params{
		Files:              files,
		RequireUniqueNames: true,
		Deadline:           time.Now().Add(15 * patience),
		Setup: func(env *testscript.Env) error {
			env.Setenv("BROKEN", broken.URL())
			env.Setenv("SWAPS", swaps.URL())
			env.Setenv("BANNER", banner.URL())
			env.Setenv("TLS", secure.URL())
			return setupScript(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"start":  start,
			"signal": sendSignal,
			"ended":  ended,
			"await":  await,
			"occupy": occupy,
			"accept": acceptSome,
			"answer": answer,
			"dial":   dialServer,
			"get":    get,
			"finish": finish,
			"reset":  reset,
		},
	})
}
