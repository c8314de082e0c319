package engines

import (
	"bytes"
	"context"
	"io"
	"net"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/engine"
	"echod/internal/sock"
	"echod/internal/trace"
)

// traced serves with an engine while exchange talks to it, and returns the trace.
func traced(t *testing.T, e engine.Engine, url string, exchange func(net.Conn)) []trace.Record {
	t.Helper()
	spec, err := sock.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	all, err := spec.Resolve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	recorder := trace.New(trace.Config{Header: trace.Header{Side: trace.Server}, File: &file, MaxFile: 1 << 20, Payload: 16})
	srv, err := e.New(engine.Config{Listeners: []engine.Listener{{Spec: all[0]}}, Loops: 1, Trace: recorder})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve() }()
	bound := srv.Listeners()[0]
	address := bound.Addr.String()
	if bound.Network == "unix" {
		address = bound.Path
	}
	conn, err := net.Dial(bound.Network, address)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	exchange(conn)
	conn.Close()
	if err := srv.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	<-served
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := trace.Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	return f.Records
}

// fiveBytes sends five bytes and a FIN, each when the answer to the last is there.
func fiveBytes(t *testing.T) func(net.Conn) {
	return func(conn net.Conn) {
		answer := make([]byte, 5)
		conn.Write([]byte("hello"))
		if _, err := io.ReadFull(conn, answer); err != nil {
			t.Error(err)
		}
		conn.(interface{ CloseWrite() error }).CloseWrite()
		if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
			t.Errorf("got %q, %v", rest, err)
		}
	}
}

// The same life on each engine, call by call. The engines differ in how they wait.
func TestLifeOfAConnectionOnEachEngine(t *testing.T) {
	receive := []string{
		`recv(FD, 524288, 0) = 5 "hello": 5 bytes are owed`,
		`send(FD, 5, MSG_NOSIGNAL) = 5 "hello": all is sent: nothing is owed`,
	}
	end := []string{
		`recv(FD, 524288, 0) = 0: the peer has finished, and nothing is owed: a half-close`,
		`setsockopt(FD, SO_LINGER, {0, 0}) = 0: the honest end: close will send a FIN, and not a reset`,
		`close(FD) = 0: a FIN: the peer has all of its bytes, or will get them`,
	}
	life := func(watch []string, wait string) []string {
		all := append([]string{`accept4(FD, SOCK_NONBLOCK|SOCK_CLOEXEC) = FD: a connection was in the queue of the listener`}, watch...)
		all = append(append(all, wait+": 5 bytes arrived"), receive...)
		return append(append(all, wait+": the peer has finished: its FIN has arrived"), end...)
	}
	want := map[string][]string{
		"net": {
			`Accept() = 0: a connection was in the queue of the listener; the calls are those of package net, seen from above`,
			`Read(524288) = 5 "hello": 5 bytes are owed`,
			`Write(5) = 5 "hello": all is sent: nothing is owed`,
			`Read(524288) = 0: the peer has finished, and nothing is owed: a half-close`,
			`SetLinger(-1) = 0: the honest end: close will send a FIN, and not a reset`,
			`Close() = 0: a FIN: the peer has all of its bytes, or will get them`,
		},
		"select": life(nil, `select(NFD, BITS, -1) = 1 {BITS}`),
		"poll":   life(nil, `poll([{FD, POLLIN}, +2], 3, -1) = 1 {FD, POLLIN}`),
		"epoll": life([]string{`epoll_ctl(FD, EPOLL_CTL_ADD, FD, EPOLLIN) = 0: wait until bytes arrive`},
			`epoll_wait(FD, 512, -1) = 1 {FD, EPOLLIN}`),
	}
	for _, e := range All() {
		t.Run(e.Name(), func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, r := range traced(t, e, "tcp://127.0.0.1:0", fiveBytes(t)) {
				got = append(got, withoutNumbers(trace.CallText(&r))+": "+r.Why)
				if r.Op != trace.Close && (r.Held == nil || r.Held.State == "") {
					t.Errorf("%s: what the kernel holds is unknown", r.Call)
				}
			}
			if diff := cmp.Diff(want[e.Name()], got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// descriptors match the numbers that depend on what else the process has open.
var descriptors = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`^(accept4)\(\d+(.*) = \d+$`), "$1(FD$2 = FD"},
	{regexp.MustCompile(`^(recv|send|setsockopt|close|epoll_wait)\(\d+`), "$1(FD"},
	{regexp.MustCompile(`^(epoll_ctl)\(\d+, (\w+), \d+`), "$1(FD, $2, FD"},
	{regexp.MustCompile(`\{\d+, (E?POLL)`), "{FD, $1"},
	{regexp.MustCompile(`^select\(\d+, `), "select(NFD, "},
	{regexp.MustCompile(`r\[0\]=[01]+, w\[0\]=0+`), "BITS"},
}

func withoutNumbers(call string) string {
	for _, d := range descriptors {
		call = d.pattern.ReplaceAllString(call, d.instead)
	}
	return call
}
