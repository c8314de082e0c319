package echotest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"echod/internal/certs"
)

// NewTLSServer starts an honest echo server with TLS on 127.0.0.1 and a free TCP port.
// [Server.TLS] trusts its certificate, which is made for the test. It resets a stream
// that ends without close_notify.
func NewTLSServer(t testing.TB) *Server {
	t.Helper()
	return startTLS(t, func(c *tls.Conn, transport *finConn) {
		if echo(c, unchanged) != nil || transport.fin.Load() {
			transport.SetLinger(0)
			return
		}
		c.Close()
	})
}

// OmitsCloseNotify ends a TLS stream with a FIN and without close_notify.
func OmitsCloseNotify() Fault {
	start := func(t testing.TB) *Server {
		return startTLS(t, func(c *tls.Conn, transport *finConn) {
			if echo(c, unchanged) != nil || transport.fin.Load() {
				transport.SetLinger(0)
			}
		})
	}
	return Fault{Name: "omits-close-notify", Description: "ends a TLS stream with a FIN and without close_notify", Network: "tls", start: start}
}

// AcceptsTruncation treats a FIN without close_notify as a close_notify.
func AcceptsTruncation() Fault {
	start := func(t testing.TB) *Server {
		return startTLS(t, func(c *tls.Conn, _ *finConn) {
			echo(c, unchanged)
			c.Close()
		})
	}
	return Fault{Name: "accepts-truncation", Description: "treats a FIN without close_notify as a close_notify", Network: "tls", start: start}
}

// finConn is the transport of a TLS connection. It records that it has received a FIN:
// between two records crypto/tls returns io.EOF for a FIN and for a close_notify.
type finConn struct {
	*net.TCPConn
	fin atomic.Bool
}

func (c *finConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if err == io.EOF {
		c.fin.Store(true)
	}
	return n, err
}

// startTLS calls serve for each connection after its handshake. The transport is
// closed when serve returns.
func startTLS(t testing.TB, serve func(c *tls.Conn, transport *finConn)) *Server {
	t.Helper()
	server, client, err := tlsConfigs()
	if err != nil {
		t.Fatalf("echotest: %v", err)
	}
	s := startStreams(t, func(ctx context.Context, conn *net.TCPConn) {
		transport := &finConn{TCPConn: conn}
		c := tls.Server(transport, server)
		if err := c.HandshakeContext(ctx); err != nil {
			if !errors.Is(err, io.EOF) {
				c.Close() // sends an alert with the reason
			}
			return
		}
		serve(c, transport)
	})
	s.url = "tls://" + s.Addr()
	s.tls = client
	return s
}

// tlsConfigs returns the configurations of a server on loopback and of a client that
// trusts its certificate, which is valid for a day.
func tlsConfigs() (server, client *tls.Config, err error) {
	end := time.Now().Add(24 * time.Hour)
	ca, err := certs.NewCA(end)
	if err != nil {
		return nil, nil, err
	}
	pair, err := ca.NewServer(end, loopback.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{pair.Cert.Raw}, PrivateKey: pair.Key}}}
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	return server, &tls.Config{RootCAs: pool}, nil
}
