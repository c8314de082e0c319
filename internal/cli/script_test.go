//go:build unix

package cli

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"echod/echotest"
)

// TestScripts runs the scripts of testdata/script. Each tests one behaviour.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d scripts, %v", len(files), err)
	}
	// A server that closes both directions at the client's FIN.
	broken := echotest.NewBroken(t, echotest.ClosesOnFIN())
	// Two servers that are not an echo, and an honest one with TLS.
	swaps, banner, secure := echotest.NewBroken(t, echotest.SwapsBytes()), echotest.NewBroken(t, echotest.SendsBanner()), echotest.NewTLSServer(t)
	testscript.Run(t, testscript.Params{
		Files:              files,
		RequireUniqueNames: true,
		Deadline:           time.Now().Add(15 * testTimeout),
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
