//go:build unix

package cli

import (
	"bufio"
	"io"
	"net"
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
	// Two servers that change what they echo, and an honest one with TLS.
	swaps, banner, secure := echotest.NewBroken(t, echotest.SwapsBytes()), echotest.NewBroken(t, echotest.SendsBanner()), echotest.NewTLSServer(t)
	// A server that is not an echo, and a proxy that accepts although its server is down.
	ssh, down := serveSSH(t), echotest.NewBrokenProxy(t, echotest.AcceptsBeforeConnecting(), "tcp://127.77.0.2:7")
	testscript.Run(t, testscript.Params{
		Files:              files,
		RequireUniqueNames: true,
		Deadline:           time.Now().Add(15 * testTimeout),
		Setup: func(env *testscript.Env) error {
			env.Setenv("BROKEN", broken.URL())
			env.Setenv("SWAPS", swaps.URL())
			env.Setenv("BANNER", banner.URL())
			env.Setenv("TLS", secure.URL())
			env.Setenv("TLS_ADDRESS", secure.Addr())
			env.Setenv("SSH", ssh)
			env.Setenv("DOWN", down.URL())
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

// serveSSH sends the greeting of SSH and, as SSH does, closes when a line of the client is
// not one. It returns its URL.
func serveSSH(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.WriteString(c, "SSH-2.0-test\r\n")
				bufio.NewReader(c).ReadString('\n')
			}()
		}
	}()
	return "tcp://" + l.Addr().String()
}
