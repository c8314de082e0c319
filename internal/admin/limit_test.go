package admin

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"testing"
	"time"
)

// keepAlive sends one request on conn. The connection must stay open after the answer.
func keepAlive(t *testing.T, conn net.Conn, path string) {
	t.Helper()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 || resp.Close {
		t.Fatalf("got %d, close %v, %v; want 200 and the connection kept", resp.StatusCode, resp.Close, err)
	}
}

// waitIdle waits until the server knows of n idle connections: the client may have its
// answer before that.
func waitIdle(t *testing.T, s *Server, n int) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; runtime.Gosched() {
		s.ln.mu.Lock()
		idle := len(s.ln.idle)
		s.ln.mu.Unlock()
		if idle == n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d connections are idle, want %d", idle, n)
		}
	}
}

// TestIdleConnectionsDoNotBlockNewOnes opens as many connections as are allowed and keeps
// them alive. A new one is answered at once and replaces the one that was idle longest,
// although the idle timeout is minutes.
func TestIdleConnectionsDoNotBlockNewOnes(t *testing.T) {
	s := serve(t, Config{}, Handlers{}, nil)
	var conns []net.Conn
	for range maxConns {
		conn := dial(t, s)
		keepAlive(t, conn, "/healthz")
		conns = append(conns, conn)
		waitIdle(t, s, len(conns))
	}
	keepAlive(t, conns[0], "/healthz") // so that conns[1] is idle longest
	waitIdle(t, s, len(conns))
	for i := range 3 {
		if status, _, _ := ask(t, s, "GET /healthz HTTP/1.1", "Host: localhost"); status != 200 {
			t.Fatalf("caller %d: got %d, want 200", i, status)
		}
		if _, err := conns[1+i].Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) || err == nil {
			t.Errorf("caller %d: the connection that was idle longest: got %v, want it closed", i, err)
		}
	}
	keepAlive(t, conns[0], "/healthz")
	s.ln.mu.Lock()
	defer s.ln.mu.Unlock()
	if open := s.ln.slots.InUse(); open > maxConns || len(s.ln.idle) > maxConns {
		t.Errorf("%d open and %d idle, want at most %d", open, len(s.ln.idle), maxConns)
	}
}

// TestRequestInProgressIsNotCutOff has a request in progress on every connection. A new
// one waits until one of them is answered.
func TestRequestInProgressIsNotCutOff(t *testing.T) {
	release := make(chan struct{})
	asked := make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		<-release
		io.WriteString(w, "done")
	})
	s := serve(t, Config{maxConns: 2}, Handlers{Page: slow}, nil)
	answered := make(chan error, 2)
	for range 2 {
		conn := dial(t, s)
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		<-asked
		go func() {
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err == nil && resp.StatusCode != 200 {
				err = fmt.Errorf("status %d", resp.StatusCode)
			}
			answered <- err
		}()
	}
	third := dial(t, s)
	fmt.Fprint(third, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	close(release)
	for range 2 {
		if err := <-answered; err != nil {
			t.Errorf("a request in progress: %v", err)
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(third), nil)
	if err != nil || resp.StatusCode != 200 {
		t.Errorf("the caller that waited: got %v, want 200", err)
	}
}

// TestNoMoreConnectionsThanTheLimit has a limit of one.
func TestNoMoreConnectionsThanTheLimit(t *testing.T) {
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := limitConns(plain, 1, "", slog.New(slog.DiscardHandler))
	for range 2 {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan net.Conn)
	go func() {
		c, _ := ln.Accept()
		second <- c
	}()
	select {
	case <-second:
		t.Error("a second connection was accepted while the first was open")
	default:
	}
	first.Close()
	first.Close() // net/http may do this: it frees one slot only
	c := <-second
	if ln.slots.InUse() != 1 {
		t.Errorf("after the first was closed: got %d slots in use, want 1", ln.slots.InUse())
	}
	c.Close()
	if ln.slots.InUse() != 0 {
		t.Errorf("after both were closed: got %d slots in use, want 0", ln.slots.InUse())
	}
	ln.Close()
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: got %v, want net.ErrClosed", err)
	}
}
