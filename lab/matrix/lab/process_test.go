package lab

import (
	"bufio"
	"net"
	"strings"
	"testing"
)

// TestStopKillsDescendants starts a child of a child with an open connection, which ends with
// it.
func TestStopKillsDescendants(t *testing.T) {
	w, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	far := listen(t)
	_, port, _ := net.SplitHostPort(far.Addr().String())
	p, err := w.start(t.TempDir(), []string{"bash", "-c",
		"trap '' TERM; (trap '' TERM; exec 3<>/dev/tcp/127.0.0.1/" + port + "; echo here >&3; sleep 600) & wait; sleep 600"})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := far.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	if !lines.Scan() || lines.Text() != "here" {
		t.Fatalf("got %q, want here; it said: %s", lines.Text(), p.output)
	}
	p.stop()
	if lines.Scan() {
		t.Errorf("got %q from the child of the child after stop", lines.Text())
	}
}

func TestLookNamesAMissingCommand(t *testing.T) {
	w, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	if _, err := w.Look("no-such-command"); err == nil || !strings.Contains(err.Error(), "no-such-command") {
		t.Errorf("got %v, want an error with the name of the command", err)
	}
}
