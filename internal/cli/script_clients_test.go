//go:build unix

package cli

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// dialServer implements dial NAME URL: it connects, and gets an echo, so that the server
// has accepted. With a !, the connection must be refused.
func dialServer(ts *testscript.TestScript, neg bool, args []string) {
	network, address, _ := strings.Cut(args[1], "://")
	conn, err := net.DialTimeout(network, address, testTimeout)
	if neg {
		if err == nil {
			ts.Fatalf("%s is served, want it refused", args[1])
		}
		return
	}
	ts.Check(err)
	stageOf(ts).clients[args[0]] = conn
	conn.SetDeadline(time.Now().Add(testTimeout))
	sendBack(ts, conn)
}

func sendBack(ts *testscript.TestScript, conn net.Conn) {
	const sent = "what comes in goes out"
	_, err := io.WriteString(conn, sent)
	ts.Check(err)
	got := make([]byte, len(sent))
	_, err = io.ReadFull(conn, got)
	ts.Check(err)
	if string(got) != sent {
		ts.Fatalf("sent %q, got %q back", sent, got)
	}
}

// get URL CODE makes an HTTP request. The status must be CODE. The response goes to the
// file body.
func get(ts *testscript.TestScript, _ bool, args []string) {
	client := http.Client{Timeout: testTimeout}
	resp, err := client.Get(args[0])
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if got := strconv.Itoa(resp.StatusCode); got != args[1] {
		ts.Fatalf("%s answers %s, want %s:\n%s", args[0], got, args[1], body)
	}
	ts.Check(os.WriteFile(ts.MkAbs("body"), body, 0o600))
}

// finish NAME half-closes, and waits for the FIN.
func finish(ts *testscript.TestScript, _ bool, args []string) {
	conn := stageOf(ts).clients[args[0]]
	ts.Check(conn.(interface{ CloseWrite() error }).CloseWrite())
	if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
		ts.Fatalf("got %q, %v; want a clean end", rest, err)
	}
}

// reset NAME waits for the connection to be reset.
func reset(ts *testscript.TestScript, _ bool, args []string) {
	if _, err := stageOf(ts).clients[args[0]].Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		ts.Fatalf("got %v, want ECONNRESET", err)
	}
}

// answer VARIABLE BYTES accepts connections to a port of occupy, one after another, until
// it has echoed that many bytes. It sends nothing more on the last one until the script
// ends.
func answer(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ln := stageOf(ts).listeners[args[0]]
	ln.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Now().Add(testTimeout))
	for n > 0 {
		conn, err := ln.Accept()
		ts.Check(err)
		ts.Defer(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(testTimeout))
		echoed, err := io.CopyN(conn, conn, n)
		if n -= echoed; err != nil && err != io.EOF {
			ts.Fatalf("%v", err)
		}
	}
}
