package engines_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"echod/check"
	"echod/internal/engine"
	"echod/internal/engines"
	"echod/internal/sock"
)

// TestCheckRaisesNoFalseAlarmOnABusyMachine runs the default rules on every engine while
// all processors are busy, ECHOD_SOAK times. If ECHOD_SOAK is unset it runs once, and only
// what takes little time.
func TestCheckRaisesNoFalseAlarmOnABusyMachine(t *testing.T) {
	times := 1
	if text := os.Getenv("ECHOD_SOAK"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("ECHOD_SOAK=%s: want a positive number", text)
		}
		times = n
	}
	keepBusy(t)
	for _, e := range engines.All() {
		if err := e.Probe(); err != nil {
			t.Logf("engine %s: %v", e.Name(), err)
			continue
		}
		for _, network := range []string{"tcp", "unix", "udp"} {
			costly := network != "udp" && (network != "tcp" || e.Name() != engines.Auto().Name())
			if !e.Caps().Serves(network) || costly && os.Getenv("ECHOD_SOAK") == "" {
				continue
			}
			t.Run(e.Name()+"/"+network, func(t *testing.T) {
				t.Parallel()
				wantPass(t, serve(t, e, network), times)
			})
		}
	}
}

// keepBusy makes every processor busy until the test ends.
func keepBusy(t *testing.T) {
	var over atomic.Bool
	for range runtime.GOMAXPROCS(0) {
		go func() {
			for !over.Load() {
			}
		}()
	}
	t.Cleanup(func() { over.Store(true) })
}

// serve starts a server of e and returns its address.
func serve(t *testing.T, e engine.Engine, network string) check.Target {
	t.Helper()
	spec := sock.Spec{Network: network, Host: "127.0.0.1", Addr: netip.MustParseAddrPort("127.0.0.1:0")}
	if network == "unix" {
		dir, err := os.MkdirTemp("", "soak") // t.TempDir's is too long for a socket
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		spec = sock.Spec{Network: network, Path: filepath.Join(dir, "echo.sock")}
	}
	server, err := e.New(engine.Config{Listeners: []engine.Listener{{Spec: spec}}})
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve()
	t.Cleanup(func() {
		over, cancel := context.WithCancel(context.Background())
		cancel()
		server.Shutdown(over)
	})
	_, address, _ := strings.Cut(server.Listeners()[0].String(), "://")
	return check.Target{Network: network, Address: address}
}

// wantPass runs the default rules this many times.
func wantPass(t *testing.T, target check.Target, times int) {
	passed := 0
	for range times {
		report, err := check.Run(t.Context(), target, check.Options{})
		if err != nil {
			t.Error(err)
			continue
		}
		if report.Verdict() == check.Pass {
			passed++
			continue
		}
		t.Errorf("got %s, want pass", report.Verdict())
		report.WriteText(t.Output(), false)
	}
	t.Logf("%d of %d runs passed", passed, times)
}
