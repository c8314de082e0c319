package check_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"echod/check"
	"echod/internal/certs"
)

// pipeConn is one end of a connection in memory that can be half-closed.
type pipeConn struct {
	net.Conn // what is read
	out      net.Conn
}

func newPipe() (client, server pipeConn) {
	toServer, fromClient := net.Pipe()
	toClient, fromServer := net.Pipe()
	return pipeConn{fromServer, toServer}, pipeConn{fromClient, toClient}
}

// Write fails as that of a socket does if the other end is closed.
func (c pipeConn) Write(p []byte) (int, error) {
	n, err := c.out.Write(p)
	if errors.Is(err, io.ErrClosedPipe) {
		err = syscall.EPIPE
	}
	return n, err
}

func (c pipeConn) CloseWrite() error                  { return c.out.Close() }
func (c pipeConn) SetWriteDeadline(t time.Time) error { return c.out.SetWriteDeadline(t) }

func (c pipeConn) SetDeadline(t time.Time) error {
	c.out.SetDeadline(t)
	return c.Conn.SetReadDeadline(t)
}

func (c pipeConn) Close() error {
	c.out.Close()
	return c.Conn.Close()
}

// servedBy returns a target whose connections handler serves. They are closed when it
// returns. Without a handler, nothing is read until the test ends.
func servedBy(t *testing.T, handler func(net.Conn)) check.Target {
	return check.Target{Network: "tcp", Dial: func(context.Context) (net.Conn, error) {
		client, server := newPipe()
		t.Cleanup(func() { server.Close() })
		if handler != nil {
			go func() {
				defer server.Close()
				handler(server)
			}()
		}
		return client, nil
	}}
}

// oneConn is a listener for one connection, for http.Serve.
type oneConn struct {
	net.Conn
	once chan struct{}
}

func (l oneConn) Accept() (net.Conn, error) {
	if _, ok := <-l.once; !ok {
		return nil, net.ErrClosed
	}
	return l.Conn, nil
}

func (l oneConn) Close() error   { return nil }
func (l oneConn) Addr() net.Addr { return l.LocalAddr() }

func serveHTTP(c net.Conn) {
	l := oneConn{c, make(chan struct{}, 1)}
	l.once <- struct{}{}
	closed := make(chan struct{})
	server := http.Server{Handler: http.NotFoundHandler(), ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(closed)
		}
	}}
	go func() {
		<-closed
		close(l.once)
	}()
	server.Serve(l)
}

// greet serves a client like SSH or SMTP: it sends a greeting and answers each line.
func greet(greeting, answer string, answers int) func(net.Conn) {
	return func(c net.Conn) {
		io.WriteString(c, greeting)
		lines := bufio.NewScanner(c)
		for n := 0; n < answers && lines.Scan(); n++ {
			io.WriteString(c, answer)
		}
	}
}

// quote answers with an error that contains what the client has sent.
func quote(before, after string) func(net.Conn) {
	return func(c net.Conn) {
		sent := make([]byte, 100)
		n, _ := c.Read(sent)
		io.WriteString(c, before+string(sent[:n])+after)
	}
}

func tlsServer(t *testing.T) *tls.Config {
	t.Helper()
	tomorrow := time.Now().Add(24 * time.Hour)
	ca, err := certs.NewCA(tomorrow)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.NewServer(tomorrow, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{pair.Cert.Raw}, PrivateKey: pair.Key}}}
}

func chargen(c net.Conn) {
	line := bytes.Repeat([]byte("!\"#$%&'()*+,-./0123456789:;<=>?@\r\n"), 100)
	for {
		if _, err := c.Write(line); err != nil {
			return
		}
	}
}

func TestATargetThatIsNotAnEchoIsOneVerdict(t *testing.T) {
	const timeout = 5 * time.Second
	secure := tlsServer(t)
	serveTLS := func(c net.Conn) { tls.Server(c, secure).Handshake() }
	tests := []struct {
		name   string
		serve  func(net.Conn)
		kind   check.Kind
		detail string
		took   time.Duration // in timeouts
	}{
		{"HTTP", serveHTTP, check.KindHTTP, "it answers like HTTP", 0},
		{"SSH", greet("SSH-2.0-x\r\n", "Invalid SSH identification string.\r\n", 1), check.KindText, `it said "SSH-2.0-x"`, 0},
		{"SMTP", greet("220 mail.test ESMTP\r\n", "500 unrecognized command\r\n", 1000), check.KindText, `it said "220 mail.test ESMTP"`, 1},
		{"HTTP that quotes the request", quote("<!DOCTYPE HTML><p>bad request: ", "\r\n"), check.KindHTTP, "it answers like HTTP", 0},
		{"Redis", quote("-ERR unknown command '", "'\r\n"), check.KindText, `it said "-ERR unknown command '"…`, 0},
		{"HTTP/2", greet("\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x40\x00", "", 1), check.KindHTTP, "it answers like HTTP/2", 0},
		{"MySQL", greet("\x4a\x00\x00\x00\x0a8.0.36\x00", "", 1), check.KindBinary, "it sends bytes of its own", 0},
		{"TLS", serveTLS, check.KindTLS, "it speaks TLS", 0},
		{"an alert of TLS", greet("", "\x15\x03\x01\x00\x02\x02\x46", 1), check.KindTLS, "it speaks TLS", 0},
		{"reads nothing", nil, check.KindSilent, "it accepts connections and never answers", 2},
		{"discard", func(c net.Conn) { io.Copy(io.Discard, c) }, check.KindDiscards, "it discards what it receives", 1},
		{"closes at once", func(net.Conn) {}, check.KindCloses, "it accepts connections and closes them at once", 0},
		{"chargen", chargen, check.KindEndless, "it sends without end", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				report, err := check.Run(t.Context(), servedBy(t, tt.serve), check.Options{Timeout: timeout, Seed: 7})
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(start); took != tt.took*timeout {
					t.Errorf("took %v, want %d timeouts", took, tt.took)
				}
				n := report.NotEcho
				if n == nil || n.Kind != tt.kind || n.Detail != tt.detail {
					t.Fatalf("got %+v, want %s: %s", n, tt.kind, tt.detail)
				}
				if len(report.Results) != 0 || report.Verdict() != check.Error {
					t.Errorf("got %d results and the verdict %s, want none and error", len(report.Results), report.Verdict())
				}
				var text strings.Builder
				report.WriteText(&text, false)
				if lines := strings.Count(text.String(), "\n"); lines > 10 || !strings.Contains(text.String(), "\nthis is not an echo: "+tt.detail+" (") {
					t.Errorf("%d lines, want at most 10 and the verdict:\n%s", lines, &text)
				}
			})
		})
	}
}

func TestAConnectionThatIsResetBeforeItIsUsedIsClosedAtOnce(t *testing.T) {
	target := check.Target{Network: "tcp", Dial: func(context.Context) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNRESET)}
	}}
	report, err := check.Identify(t.Context(), target, check.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n := report.NotEcho; n == nil || n.Kind != check.KindCloses {
		t.Errorf("got %v, want closes", n)
	}
}

func TestAServerBehindTLSIsIdentified(t *testing.T) {
	server := tlsServer(t)
	target := servedBy(t, func(c net.Conn) { serveHTTP(tls.Server(c, server)) })
	target.Network, target.TLS = "tls", &tls.Config{InsecureSkipVerify: true}
	report, err := check.Identify(t.Context(), target, check.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n := report.NotEcho; n == nil || n.Kind != check.KindHTTP {
		t.Errorf("got %v, want http", n)
	}
}

// changed echoes each chunk after change. It greets with a banner before.
func changed(banner string, change func([]byte) []byte) func(net.Conn) {
	return func(c net.Conn) {
		io.WriteString(c, banner)
		chunk := make([]byte, 32<<10)
		for {
			n, err := c.Read(chunk)
			if err != nil {
				return
			}
			c.Write(change(chunk[:n]))
		}
	}
}

func TestABrokenEchoIsAnEcho(t *testing.T) {
	same := func(b []byte) []byte { return b }
	each := func(f func(i int, b byte) byte) func([]byte) []byte {
		return func(chunk []byte) []byte {
			for i, b := range chunk {
				chunk[i] = f(i, b)
			}
			return chunk
		}
	}
	tests := []struct {
		name  string
		serve func(net.Conn)
	}{
		{"greets first", changed("220 echo ready\r\n", same)},
		{"greets with many bytes", changed(strings.Repeat("hello ", 5000), same)},
		{"stores until the FIN", func(c net.Conn) { all, _ := io.ReadAll(c); c.Write(all) }},
		{"waits for eight bytes", func(c net.Conn) {
			first := make([]byte, 8)
			io.ReadFull(c, first)
			c.Write(first)
			io.Copy(c, c)
		}},
		{"answers lines only", func(c net.Conn) {
			r := bufio.NewReader(c)
			for line, err := r.ReadString('\n'); err == nil; line, err = r.ReadString('\n') {
				io.WriteString(c, line)
			}
		}},
		{"answers once and closes", func(c net.Conn) { b := make([]byte, 100); n, _ := c.Read(b); c.Write(b[:n]) }},
		{"answers late", func(c net.Conn) { time.Sleep(4 * time.Second); io.Copy(c, c) }},
		{"returns the first byte", changed("", func(b []byte) []byte { return b[:1] })},
		{"returns the last four bytes", changed("", func(b []byte) []byte { return b[len(b)-4:] })},
		{"drops every fifth byte", changed("", func(b []byte) []byte {
			var kept []byte
			for i, c := range b {
				if i%5 != 0 {
					kept = append(kept, c)
				}
			}
			return kept
		})},
		{"swaps pairs", changed("", func(b []byte) []byte {
			for i := 0; i+1 < len(b); i += 2 {
				b[i], b[i+1] = b[i+1], b[i]
			}
			return b
		})},
		{"changes every second byte", changed("", each(func(i int, b byte) byte { return b + byte(i%2)*byte(i) }))},
		{"decodes UTF-8", changed("", func(b []byte) []byte { return []byte(string([]rune(string(b)))) })},
		{"clears the top bit", changed("", each(func(_ int, b byte) byte { return b & 0x7f }))},
		{"inverts all bits", changed("", each(func(_ int, b byte) byte { return ^b }))},
		{"adds one to each byte", changed("", each(func(_ int, b byte) byte { return b + 1 }))},
		{"reverses the order", changed("", func(b []byte) []byte { slices.Reverse(b); return b })},
		{"puts a header in front", changed("", func(b []byte) []byte { return append([]byte("64 bytes: "), b...) })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for seed := range uint64(20) {
					report, err := check.Identify(t.Context(), servedBy(t, tt.serve), check.Options{Seed: seed + 1})
					if err != nil || report.NotEcho != nil {
						t.Fatalf("seed %d: got %v, %v, want an echo", seed+1, report, err)
					}
				}
			})
		})
	}
}

func TestAnywayRunsTheRulesOnATargetThatIsNotAnEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		report, err := check.Run(t.Context(), servedBy(t, func(net.Conn) {}), check.Options{Rules: []string{"stream/first-byte"}, Anyway: true})
		if err != nil {
			t.Fatal(err)
		}
		if report.NotEcho != nil || report.Verdict() != check.Fail {
			t.Errorf("got %v and the verdict %s, want a failed rule", report.NotEcho, report.Verdict())
		}
	})
}

func TestAServerThatServesOneClientAtATimeIsAnEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{}, 1)
		report, err := check.Identify(t.Context(), servedBy(t, func(c net.Conn) {
			free <- struct{}{}
			defer func() { <-free }()
			all, _ := io.ReadAll(c)
			c.Write(all)
			c.Close()
		}), check.Options{})
		if err != nil || report.NotEcho != nil {
			t.Errorf("got %v, %v, want an echo", report.NotEcho, err)
		}
	})
}

// answerDatagrams answers each datagram with answer(datagram), or not if that is nil.
func answerDatagrams(t *testing.T, answer func([]byte) []byte) check.Target {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply := answer(buf[:n]); reply != nil {
				conn.WriteTo(reply, from)
			}
		}
	}()
	return check.Target{Network: "udp", Address: conn.LocalAddr().String()}
}

func TestDatagramsThatAreNotEchoedAreOneVerdict(t *testing.T) {
	t.Parallel()
	n := 0
	tests := []struct {
		name   string
		answer func([]byte) []byte
		want   string
	}{
		{"text", func([]byte) []byte { return []byte("ERROR\r\n") }, `it said "ERROR"`},
		{"bytes", func([]byte) []byte { return []byte("\x00\x01\x80\x01") }, "it sends bytes of its own"},
		{"empty", func([]byte) []byte { return []byte{} }, "it answers with empty datagrams"},
		{"an echo", bytes.Clone, ""},
		{"a part", func(b []byte) []byte { return b[:10] }, ""},
		{"every third", func(b []byte) []byte {
			if n++; n%3 != 0 {
				return nil
			}
			return b
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			report, err := check.Identify(t.Context(), answerDatagrams(t, tt.answer), check.Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if report.NotEcho != nil {
				got = report.NotEcho.Detail
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
