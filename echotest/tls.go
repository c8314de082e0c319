package echotest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// NewTLSServer starts an honest echo server over TLS on 127.0.0.1 and a free TCP
// port. Its certificate is made for the test; [Server.TLS] trusts it. A stream
// that ends without close_notify it resets.
func NewTLSServer(t testing.TB) *Server {
	t.Helper()
	return serveTLS(t, honestTLS)
}

// TLS is what a client needs to trust the server's certificate; nil for a server
// without TLS.
func (s *Server) TLS() *tls.Config { return s.tls.Clone() }

// tlsHandler serves one connection after its handshake; see handler. What it
// leaves open below TLS is closed.
type tlsHandler func(ctx context.Context, c *tls.Conn, below *finSeer)

func honestTLS(_ context.Context, c *tls.Conn, below *finSeer) {
	if echoTLS(c) != nil || below.fin.Load() {
		below.SetLinger(0)
		return
	}
	c.Close()
}

// finSeer is the connection below TLS. It remembers a FIN: between two records
// crypto/tls calls a FIN and a close_notify io.EOF alike.
type finSeer struct {
	*net.TCPConn
	fin atomic.Bool
}

func (c *finSeer) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if err == io.EOF {
		c.fin.Store(true)
	}
	return n, err
}

// echoTLS sends back what comes, and returns nil after the end.
func echoTLS(c *tls.Conn) error {
	piece := make([]byte, 32<<10)
	for {
		n, err := c.Read(piece)
		if n > 0 {
			if _, err := c.Write(piece[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return onlyEOF(err)
		}
	}
}

func serveTLS(t testing.TB, serve tlsHandler) *Server {
	t.Helper()
	config, trust, err := throwAwayCertificate()
	if err != nil {
		t.Fatalf("echotest: %v", err)
	}
	s := serveStreams(t, func(ctx context.Context, conn *net.TCPConn) {
		below := &finSeer{TCPConn: conn}
		c := tls.Server(below, config)
		if err := c.HandshakeContext(ctx); err != nil {
			if !errors.Is(err, io.EOF) {
				c.Close() // says why, by an alert
			}
			return
		}
		serve(ctx, c, below)
	})
	s.url = "tls://" + s.Addr()
	s.tls = &tls.Config{RootCAs: trust}
	return s
}

// throwAwayCertificate is one for 127.0.0.1 that is good for a day, and a pool
// that trusts it.
func throwAwayCertificate() (*tls.Config, *x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IPAddresses:  []net.IP{net.IP(loopback.Addr().AsSlice())},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	trust := x509.NewCertPool()
	trust.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, trust, nil
}
