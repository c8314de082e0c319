//go:build linux

package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/engine"
	"echod/internal/engines"
	"echod/internal/sequence"
	"echod/internal/sock"
	"echod/internal/sys"
	"echod/internal/trace"
)

// TestChaptersShowTheLifeOfToday serves a client that sends five bytes and a FIN, with each
// server of the chapters. They show these calls, with what the kernel held and why.
func TestChaptersShowTheLifeOfToday(t *testing.T) {
	chapters := map[string]string{"net": "2-goroutines.md", "select": "4-select.md", "poll": "5-poll.md", "epoll": "6-epoll.md"}
	names, lives := []string{"blocking"}, []*trace.File{
		record(t, func(j *journal, r *trace.Recorder) { serveNaive(t, serveOne, "blocking", j, r) }),
	}
	wantBlock(t, "0-one-peer.md", "life blocking", lines(lives[0].Records))
	loop := record(t, func(j *journal, r *trace.Recorder) { serveNaive(t, serveSelect, "loop", j, r) })
	wantBlock(t, "3-loop.md", "life loop", lines(loop.Records))
	for _, e := range engines.All() {
		life := record(t, func(j *journal, r *trace.Recorder) { serve(t, e, j, r) })
		wantBlock(t, chapters[e.Name()], "life "+e.Name(), lines(life.Records))
		names, lives = append(names, e.Name()), append(lives, life)
	}
	for i, name := range names {
		var picture strings.Builder
		if err := sequence.WriteSVG(&picture, sequence.Lives(lives[i])[0]); err != nil {
			t.Fatal(err)
		}
		wantDocument(t, "life-"+name+".svg", picture.String())
	}
	wantBlock(t, "README.md", "lives", table(t, names, lives))
}

// record returns the life that serve records, without what depends on the machine.
func record(t *testing.T, serve func(*journal, *trace.Recorder)) *trace.File {
	t.Helper()
	j := &journal{grown: make(chan struct{})}
	recorder := trace.New(trace.Config{Header: trace.Header{Side: trace.Server}, File: j, MaxFile: 1 << 20, Payload: 16})
	serve(j, recorder)
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := trace.Read(&j.text)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range f.Records {
		if r.Op != trace.Close && (r.Held == nil || r.Held.State == "") {
			t.Errorf("%s: what the kernel holds is unknown", r.Call)
		}
	}
	normalize(f.Records)
	return f
}

// serveNaive runs a small server until its one client has gone.
func serveNaive(t *testing.T, serve func(sys.Kernel, int) error, name string, j *journal, r *trace.Recorder) {
	t.Helper()
	fd, err := listen(0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	addr, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- serve(r.Kernel(blocking{}, name), fd) }()
	j.fiveBytes(t, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: addr.(*unix.SockaddrInet4).Port}, trace.Accept)
	unix.Shutdown(fd, unix.SHUT_RDWR) // accept fails from now on
	<-ended
}

// serve runs an engine until its one client has gone.
func serve(t *testing.T, e engine.Engine, j *journal, r *trace.Recorder) {
	t.Helper()
	spec, err := sock.Parse("tcp://127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	all, err := spec.Resolve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	srv, err := e.New(engine.Config{Listeners: []engine.Listener{{Spec: all[0]}}, Loops: 1, Trace: r})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve() }()
	watched := trace.Accept // the last step before the server waits for the client
	if e.Name() == "epoll" {
		watched = trace.Watch
	}
	j.fiveBytes(t, net.TCPAddrFromAddrPort(srv.Listeners()[0].Addr), watched)
	if err := srv.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	<-served
}

// journal is the file of a trace.
type journal struct {
	mu    sync.Mutex
	text  bytes.Buffer
	grown chan struct{} // closed when text has grown
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	close(j.grown)
	j.grown = make(chan struct{})
	return j.text.Write(p)
}

// await waits until the trace has a step.
func (j *journal) await(t *testing.T, op trace.Op) {
	t.Helper()
	for deadline := time.After(20 * time.Second); ; {
		j.mu.Lock()
		found, grown := bytes.Contains(j.text.Bytes(), []byte(`"op":"`+op+`"`)), j.grown
		j.mu.Unlock()
		if found {
			return
		}
		select {
		case <-grown:
		case <-deadline:
			t.Fatalf("no step %s; the trace is\n%s", op, j.text.Bytes())
		}
	}
}

// fiveBytes sends five bytes and a FIN. Each is sent when the server has done all that it does
// before it, so that what the kernel holds is the same each time. watched is the last step
// before the server waits.
func (j *journal) fiveBytes(t *testing.T, addr *net.TCPAddr, watched trace.Op) {
	t.Helper()
	conn, err := net.DialTCP("tcp", nil, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	j.await(t, watched)
	conn.Write([]byte("hello"))
	j.await(t, trace.Send)
	conn.CloseWrite()
	if got, err := io.ReadAll(conn); string(got) != "hello" || err != nil {
		t.Errorf("got %q and %v, want hello", got, err)
	}
	j.await(t, trace.Close)
}
