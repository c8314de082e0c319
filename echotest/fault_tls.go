package echotest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"echod/internal/certs"
	"echod/internal/dial"
)

// NewTLSServer starts an honest echo server with TLS on 127.0.0.1 and a free TCP port.
// [Server.TLS] trusts its certificate, which is made for this process. It resets a stream
// that ends without close_notify.
func NewTLSServer(t testing.TB) *Server {
	t.Helper()
	return startTLS(t, func(c *tls.Conn, transport *net.TCPConn) {
		if echo(c, unchanged) != nil || !dial.GotCloseNotify(c, io.EOF) {
			transport.SetLinger(0)
			return
		}
		c.Close()
	})
}

// OmitsCloseNotify ends a TLS stream with a FIN and without close_notify.
func OmitsCloseNotify() Fault {
	start := func(t testing.TB) *Server {
		return startTLS(t, func(c *tls.Conn, transport *net.TCPConn) {
			if echo(c, unchanged) != nil || !dial.GotCloseNotify(c, io.EOF) {
				transport.SetLinger(0)
			}
		})
	}
	return Fault{Name: "omits-close-notify", Description: "ends a TLS stream with a FIN and without close_notify", Network: "tls", start: start}
}

// AcceptsTruncation treats a FIN without close_notify as a close_notify.
func AcceptsTruncation() Fault {
	start := func(t testing.TB) *Server {
		return startTLS(t, func(c *tls.Conn, _ *net.TCPConn) {
			echo(c, unchanged)
			c.Close()
		})
	}
	return Fault{Name: "accepts-truncation", Description: "treats a FIN without close_notify as a close_notify", Network: "tls", start: start}
}

// startTLS calls serve for each connection after its handshake. The transport is
// closed when serve returns.
func startTLS(t testing.TB, serve func(c *tls.Conn, transport *net.TCPConn)) *Server {
	t.Helper()
	configs, err := tlsConfigs()
	if err != nil {
		t.Fatalf("echotest: %v", err)
	}
	s := startStreams(t, func(ctx context.Context, transport *net.TCPConn) {
		c := dial.TLSServer(transport, configs.server)
		if err := c.HandshakeContext(ctx); err != nil {
			if !errors.Is(err, io.EOF) {
				c.Close() // sends an alert with the reason
			}
			return
		}
		serve(c, transport)
	})
	s.url = "tls://" + s.Addr()
	s.tls = configs.client
	return s
}

// tlsPair has the configurations of a server on loopback and of a client that trusts its
// certificate.
type tlsPair struct{ server, client *tls.Config }

// tlsConfigs returns the configurations of all servers of this process, so that a client can
// use several of them. The certificate is valid for a day.
var tlsConfigs = sync.OnceValues(func() (tlsPair, error) {
	end := time.Now().Add(24 * time.Hour)
	ca, err := certs.NewCA(end)
	if err != nil {
		return tlsPair{}, err
	}
	pair, err := ca.NewServer(end, loopback.Addr().String())
	if err != nil {
		return tlsPair{}, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	server := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{pair.Cert.Raw}, PrivateKey: pair.Key}}}
	return tlsPair{server, &tls.Config{RootCAs: pool}}, nil
})
