package packaging

import (
	"context"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// timeout is the longest wait for something that must happen.
const timeout = 60 * time.Second

// scrapeAll returns the metrics of serve, watch and agent of this echod. Watch monitors
// serve.
func scrapeAll(t *testing.T) map[string]metric {
	t.Helper()
	echod := build(t)
	dir := t.TempDir()
	run := exec.Command(echod, "cert")
	run.Dir = dir
	if said, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	socket := "unix://" + filepath.Join(dir, "echo")
	start(t, dir, echod, "serve", "--listen", socket, "--listen", "udp://127.0.0.1:0", "--listen", "tls://127.0.0.1:0",
		"--tls-cert", "server.pem", "--tls-key", "server-key.pem", "--admin", "unix://"+filepath.Join(dir, "serve"))
	start(t, dir, echod, "watch", "--reconnect", "--admin", "unix://"+filepath.Join(dir, "watch"), socket)
	start(t, dir, echod, "agent", "--listen", "tcp://127.0.0.1:0", "--admin", "unix://"+filepath.Join(dir, "agent"))
	all := map[string]metric{}
	for verb, last := range map[string]string{"serve": "echod_connections_active", "watch": "echod_watch_up", "agent": "echod_agent_sessions_active"} {
		for name, m := range scrape(t, filepath.Join(dir, verb), last) {
			if all[name] == nil {
				all[name] = m
			}
		}
	}
	return all
}

// build builds echod from the main module.
func build(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "echod")
	cmd := exec.Command("go", "build", "-o", out, "./cmd/echod")
	cmd.Dir = ".."
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return out
}

// start runs echod until the test ends.
func start(t *testing.T, dir, echod string, args ...string) {
	t.Helper()
	var log strings.Builder
	cmd := exec.Command(echod, args...)
	cmd.Dir, cmd.Stderr = dir, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("echod %s: %v", args[0], err)
		}
		if t.Failed() {
			t.Logf("echod %s:\n%s", strings.Join(args, " "), log.String())
		}
	})
}

// scrape gets the metrics of the admin server at a unix socket. It repeats this until the
// last one exists.
func scrape(t *testing.T, socket, last string) map[string]metric {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	var text []byte
	var err error
	for deadline := time.Now().Add(timeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var answer *http.Response
		if answer, err = client.Get("http://localhost/metrics"); err != nil {
			continue
		}
		text, err = io.ReadAll(answer.Body)
		answer.Body.Close()
		if there := exposed(string(text)); there[last] != nil {
			return there
		}
	}
	t.Fatalf("%s never had %s: %v\n%s", socket, last, err, text)
	return nil
}
