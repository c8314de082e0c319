package agent

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	"echod/internal/certs"
	"echod/internal/dial"
	"echod/internal/errno"
)

// startTLS starts an agent with TLS.
func startTLS(t *testing.T, server *Server) *Client {
	t.Helper()
	return startTLSOn(t, server, listen(t))
}

func startTLSOn(t *testing.T, server *Server, ln net.Listener) *Client {
	t.Helper()
	end := time.Now().Add(time.Hour)
	ca, err := certs.NewCA(end)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.NewServer(end, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{pair.Cert.Raw}, PrivateKey: pair.Key}}}
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	c, _ := startOn(t, server, ln)
	c.Target.Network, c.Target.TLS = "tls", &tls.Config{RootCAs: pool}
	return c
}

// startOverTLS starts a scenario and sends text.
func startOverTLS(t *testing.T, c *Client, scenario string, params Params, text string) (*tls.Conn, string) {
	t.Helper()
	conn, err := c.Start(t.Context(), scenario, "", params)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dial.Transport(conn.Conn).Close() })
	conn.SetDeadline(time.Now().Add(testTimeout))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn.Conn.(*tls.Conn), conn.ID
}

func TestAgentWithTLSReportsHowTheClientEnds(t *testing.T) {
	c := startTLS(t, &Server{})
	transport := func(conn *tls.Conn) *net.TCPConn { return dial.Transport(conn).(*net.TCPConn) }
	tests := []struct {
		name string
		end  func(*tls.Conn)
		want End
	}{
		{"close_notify", func(conn *tls.Conn) { conn.CloseWrite() }, FIN},
		{"close_notify and FIN", func(conn *tls.Conn) { conn.Close() }, FIN},
		{"FIN between two records", func(conn *tls.Conn) { transport(conn).CloseWrite() }, Truncated},
		{"FIN within a record", func(conn *tls.Conn) {
			transport(conn).Write([]byte{23, 3, 3, 0, 100, 1})
			transport(conn).CloseWrite()
		}, Truncated},
		{"reset", func(conn *tls.Conn) {
			transport(conn).SetLinger(0)
			transport(conn).Close()
		}, Reset},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			conn, id := startOverTLS(t, c, "take", nil, "text")
			tt.end(conn)
			got, err := c.Report(t.Context(), id, testTimeout)
			if err != nil || got.End != tt.want || got.Received != 4 {
				t.Errorf("got end %q after %d bytes, %v; want %q after 4", got.End, got.Received, err, tt.want)
			}
		})
	}
}

func TestAgentWithTLSEndsAsTheScenarioSays(t *testing.T) {
	c := startTLS(t, &Server{})
	params := Params{"take": 4, "give": 4}
	tests := []struct {
		scenario string
		params   Params
		halfClose,
		notified bool // a close_notify arrives
		err error // otherwise
	}{
		{"answer-late", nil, true, true, nil},
		{"fin-first", nil, false, true, nil},
		{"reset", params, false, false, syscall.ECONNRESET},
		{"truncate", params, false, false, nil},
	}
	for _, tt := range tests {
		t.Run(tt.scenario, func(t *testing.T) {
			t.Parallel()
			conn, id := startOverTLS(t, c, tt.scenario, tt.params, "text")
			if tt.halfClose {
				conn.CloseWrite()
			}
			_, err := io.ReadAll(conn)
			if err == nil {
				err = io.EOF
			}
			if got := dial.GotCloseNotify(conn, err); got != tt.notified {
				t.Errorf("got a close_notify: %v (%v), want %v", got, err, tt.notified)
			}
			if got := errno.Of(err); tt.err != nil && got != tt.err {
				t.Errorf("got the end %v, want %v", err, tt.err)
			}
			conn.Close()
			if _, err := c.Report(t.Context(), id, testTimeout); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestHelloSaysWhetherTheAgentHasTLS(t *testing.T) {
	plain, _ := start(t, &Server{})
	for c, want := range map[*Client]bool{plain: false, startTLS(t, &Server{}): true} {
		hello, err := c.Hello(t.Context())
		if err != nil || hello.TLS != want || slices.Contains(hello.Scenarios, "truncate") != want {
			t.Errorf("got %+v, %v; want TLS %v, and the scenario truncate only with it", hello, err, want)
		}
	}
	_, err := plain.Start(t.Context(), "truncate", "", nil)
	if refusal, ok := errors.AsType[*Refusal](err); !ok || refusal.Kind != unknown {
		t.Errorf("truncate without TLS: got %v, want it refused as unknown", err)
	}
}

// TestHandshakeHasTheTimeoutOfTheFirstLine checks that a client that starts a handshake and
// stops is disconnected.
func TestHandshakeHasTheTimeoutOfTheFirstLine(t *testing.T) {
	c := startTLS(t, &Server{lineTimeout: 50 * time.Millisecond})
	conn, err := net.Dial("tcp", c.Target.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(testTimeout))
	conn.Write([]byte{22, 3, 1})
	if _, err := io.ReadAll(conn); err != nil && errno.Of(err) != syscall.ECONNRESET {
		t.Errorf("got %v, want the end of the connection", err)
	}
}
