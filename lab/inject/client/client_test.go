package client

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// short is for waits that must time out, long for waits that must not.
const (
	short = 50 * time.Millisecond
	long  = 30 * time.Second
)

// serve runs handle for each connection to a unix socket, and returns its path.
func serve(t *testing.T, handle func(*net.UnixConn)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn.(*net.UnixConn))
			}()
		}
	}()
	return path
}

func TestStreamDetectsEveryFault(t *testing.T) {
	silent := func(c *net.UnixConn) { io.Copy(io.Discard, c) }
	tests := []struct {
		name   string
		handle func(*net.UnixConn)
		wait   time.Duration
		want   []Result // of Step, Step, Finish
	}{
		{"honest", func(c *net.UnixConn) { io.Copy(c, c) }, long, []Result{Done, Done, Done}},
		{"silent", func(c *net.UnixConn) { silent(c); select {} }, short, []Result{Waiting, Waiting, Waiting}},
		{"closes with owed bytes", silent, short, []Result{Waiting, Waiting, Early}},
		{"resets", func(c *net.UnixConn) { c.Read(make([]byte, 1)) }, long, []Result{Reset, Reset, Reset}},
		{"closes after some bytes", func(c *net.UnixConn) {
			buf := make([]byte, messageSize)
			io.ReadFull(c, buf)
			c.Write(buf[:9])
		}, long, []Result{Early, Early, Early}},
		{"changes a byte", func(c *net.UnixConn) {
			buf := make([]byte, messageSize)
			io.ReadFull(c, buf)
			buf[1000] ^= 1
			c.Write(buf)
		}, long, []Result{Wrong, Wrong, Wrong}},
		{"adds a byte", func(c *net.UnixConn) {
			io.Copy(c, c)
			c.Write([]byte("x"))
		}, long, []Result{Done, Done, Wrong}},
		{"does not close", func(c *net.UnixConn) { io.Copy(c, c); select {} }, short, []Result{Done, Done, Waiting}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Dial("unix", serve(t, tt.handle), long)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for i, got := range []Outcome{s.Step(tt.wait), s.Step(tt.wait), s.Finish(tt.wait)} {
				if got.Result != tt.want[i] {
					t.Errorf("call %d: got %s, want %s", i+1, got, Outcome{Result: tt.want[i]})
				}
			}
		})
	}
}

func TestDatagramsDetectEveryFault(t *testing.T) {
	tests := []struct {
		name   string
		answer func(p []byte) [][]byte
		want   Result
		text   string
	}{
		{"honest", func(p []byte) [][]byte { return [][]byte{p} }, Done, ""},
		{"lost", func(p []byte) [][]byte { return nil }, Waiting, ""},
		{"changed", func(p []byte) [][]byte { p[20] ^= 1; return [][]byte{p} }, Wrong, "changed"},
		{"truncated", func(p []byte) [][]byte { return [][]byte{p[:len(p)-1]} }, Wrong, "changed"},
		{"of another client", func(p []byte) [][]byte { p[0] ^= 1; return [][]byte{p} }, Wrong, "not sent"},
		{"twice", func(p []byte) [][]byte { return [][]byte{p, p} }, Wrong, "twice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go func() {
				buf := make([]byte, 64<<10)
				for {
					n, from, err := conn.ReadFrom(buf)
					if err != nil {
						return
					}
					for _, p := range tt.answer(buf[:n]) {
						conn.WriteTo(p, from)
					}
				}
			}()
			d, err := DialUDP(conn.LocalAddr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			wait := long
			if tt.want == Waiting {
				wait = short
			}
			got := d.Step(wait)
			if tt.name == "twice" {
				got = d.Step(wait) // the duplicate comes before the next datagram
			}
			if got.Result != tt.want || !strings.Contains(got.Text, tt.text) {
				t.Errorf("got %s, want %s with %q", got, Outcome{Result: tt.want}, tt.text)
			}
		})
	}
}

func TestOutcomeOfAnError(t *testing.T) {
	tests := []struct {
		err  error
		want Result
		over bool
	}{
		{nil, Done, false},
		{os.ErrDeadlineExceeded, Waiting, false},
		{io.EOF, Early, true},
		{io.ErrUnexpectedEOF, Reset, true}, // TLS without close_notify
		{errors.New("connection reset by peer"), Reset, true},
	}
	for _, tt := range tests {
		if got := of(tt.err); got.Result != tt.want || got.Over() != tt.over {
			t.Errorf("%v: got %s, over %v; want %s, %v", tt.err, got, got.Over(), Outcome{Result: tt.want}, tt.over)
		}
	}
}

// TestPatternDependsOnKeyAndOffset exists so that a lost or duplicated byte is detected.
func TestPatternDependsOnKeyAndOffset(t *testing.T) {
	const n = 64
	p := make([]byte, n)
	fill(p, 1, 1000)
	if o := compare(p, 1, 1000); o.Over() {
		t.Errorf("the pattern compared with itself: got %s", o)
	}
	for _, other := range []struct {
		key    uint32
		offset int64
	}{{1, 999}, {1, 1001}, {2, 1000}, {1, 1000 + 4096}} {
		if o := compare(p, other.key, other.offset); !o.Over() {
			t.Errorf("key 1 at 1000 compared with key %d at %d: got no difference", other.key, other.offset)
		}
	}
}
