package enginetest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"echod/internal/certs"
	"echod/internal/engine"
	"echod/internal/sock"
)

// The certificates of the suite are made once and are valid for a day.
var (
	authority = sync.OnceValues(func() (certs.Pair, error) { return certs.NewCA(tomorrow()) })
	shown     = sync.OnceValues(serverCertificate)
)

func tomorrow() time.Time { return time.Now().Add(24 * time.Hour) }

func serverCertificate() (tls.Certificate, error) {
	ca, err := authority()
	if err != nil {
		return tls.Certificate{}, err
	}
	return certificate(ca.NewServer(tomorrow(), "127.0.0.1"))
}

// certificate returns p as a tls.Certificate.
func certificate(p certs.Pair, err error) (tls.Certificate, error) {
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{p.Cert.Raw}, PrivateKey: p.Key, Leaf: p.Cert}, nil
}

// serverTLSConfig returns the configuration of a tls listener.
func (t trial) serverTLSConfig() *tls.Config {
	t.Helper()
	cert, err := shown()
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}
}

// clientTLSConfig returns the configuration of a client that trusts it.
func clientTLSConfig() (*tls.Config, error) {
	ca, err := authority()
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Cert)
	return &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}, nil
}

// connectTLS returns a connection whose handshake is done with the first byte, because
// the server may not be serving yet.
func connectTLS(d *net.Dialer, spec sock.Spec) (net.Conn, error) {
	config, err := clientTLSConfig()
	if err != nil {
		return nil, err
	}
	conn, err := d.Dial("tcp", spec.Addr.String())
	if err != nil {
		return nil, err
	}
	return newTLSClient(conn.(*net.TCPConn), config), nil
}

// tlsClient is the client of a TLS stream. Its Read returns io.EOF only after a
// close_notify, and errNoNotify after a FIN without one.
type tlsClient struct {
	*tls.Conn
	bare *finConn
}

func newTLSClient(conn *net.TCPConn, config *tls.Config) *tlsClient {
	bare := &finConn{TCPConn: conn}
	return &tlsClient{tls.Client(bare, config), bare}
}

var errNoNotify = errors.New("a FIN without close_notify")

func (c *tlsClient) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if (err == io.EOF || err == io.ErrUnexpectedEOF) && c.bare.fin.Load() {
		err = errNoNotify
	}
	return n, err
}

// CloseWrite sends close_notify, after the handshake if that is not done yet.
func (c *tlsClient) CloseWrite() error {
	if err := c.Handshake(); err != nil {
		return err
	}
	return c.Conn.CloseWrite()
}

// Close closes the connection without a close_notify.
func (c *tlsClient) Close() error { return c.bare.Close() }

func (c *tlsClient) SetReadBuffer(n int) error { return c.bare.SetReadBuffer(n) }

// finConn is a connection that records a FIN. It ignores the write deadline of five
// seconds that crypto/tls sets for its close_notify: these peers are slow on purpose.
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

func (c *finConn) SetWriteDeadline(time.Time) error { return nil }

// handshake does the TLS handshake, if the peer has one to do.
func (p *peer) handshake() {
	p.t.Helper()
	if c, ok := p.Conn.(*tlsClient); ok {
		if err := c.Handshake(); err != nil {
			p.t.Fatalf("handshake: %v", err)
		}
	}
}

// fillTLS is fill under TLS, where a deadline must not interrupt a Write. The last Write
// has not returned when fillTLS returns.
func (p *peer) fillTLS(stats func() engine.Stats) {
	p.t.Helper()
	const looks, pause = 20, 10 * time.Millisecond
	var full atomic.Bool
	p.writing.Go(func() {
		for !full.Load() && p.write(stride) == nil {
		}
	})
	last, sent, same := stats().BytesIn, int64(0), 0
	p.t.eventually(func() bool {
		time.Sleep(pause)
		now := stats().BytesIn
		if same++; now == 0 || now != last || p.sent.Load() != sent {
			same = 0
		}
		last, sent = now, p.sent.Load()
		return same > looks
	}, "the server stops taking in bytes")
	full.Store(true)
	p.stuck = true
}
