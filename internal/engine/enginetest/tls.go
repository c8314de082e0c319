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

// The certificates that the suite serves and trusts are made once, and good for
// a day.
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

// certificate is the pair in crypto/tls's terms.
func certificate(p certs.Pair, err error) (tls.Certificate, error) {
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{p.Cert.Raw}, PrivateKey: p.Key, Leaf: p.Cert}, nil
}

// serverTLS is what a tls listener of the suite is given.
func (t trial) serverTLS() *tls.Config {
	t.Helper()
	cert, err := shown()
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}
}

// clientTLS is what trusts it.
func clientTLS() (*tls.Config, error) {
	ca, err := authority()
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Cert)
	return &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}, nil
}

// connectTLS makes a connection whose handshake begins with the first byte: the
// server may not be serving yet.
func connectTLS(d *net.Dialer, spec sock.Spec) (net.Conn, error) {
	config, err := clientTLS()
	if err != nil {
		return nil, err
	}
	conn, err := d.Dial("tcp", spec.Addr.String())
	if err != nil {
		return nil, err
	}
	return newSecureClient(conn.(*net.TCPConn), config), nil
}

// secureClient is a client's end of a TLS stream. It tells a close_notify, which
// alone is an end of file, from a FIN.
type secureClient struct {
	*tls.Conn
	bare *seenFin
}

func newSecureClient(conn *net.TCPConn, config *tls.Config) *secureClient {
	bare := &seenFin{TCPConn: conn}
	return &secureClient{tls.Client(bare, config), bare}
}

var errNoNotify = errors.New("a FIN without close_notify")

func (c *secureClient) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if (err == io.EOF || err == io.ErrUnexpectedEOF) && c.bare.fin.Load() {
		err = errNoNotify
	}
	return n, err
}

// CloseWrite says close_notify, after the handshake if that has not been.
func (c *secureClient) CloseWrite() error {
	if err := c.Handshake(); err != nil {
		return err
	}
	return c.Conn.CloseWrite()
}

// Close closes the connection without a word.
func (c *secureClient) Close() error { return c.bare.Close() }

func (c *secureClient) SetReadBuffer(n int) error { return c.bare.SetReadBuffer(n) }

// seenFin is a connection that remembers a FIN. The five seconds that crypto/tls
// gives its close_notify it does not: these peers are slow on purpose.
type seenFin struct {
	*net.TCPConn
	fin atomic.Bool
}

func (c *seenFin) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if err == io.EOF {
		c.fin.Store(true)
	}
	return n, err
}

func (c *seenFin) SetWriteDeadline(time.Time) error { return nil }

// handshake does it now, on a peer that has one to do.
func (p *peer) handshake() {
	p.t.Helper()
	if c, ok := p.Conn.(*secureClient); ok {
		if err := c.Handshake(); err != nil {
			p.t.Fatalf("handshake: %v", err)
		}
	}
}

// fillSecure is fill for a peer that no deadline may interrupt: the last piece is
// still on its way when it returns, and whatever is sent next goes behind it.
func (p *peer) fillSecure(stats func() engine.Stats) {
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
