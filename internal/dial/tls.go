package dial

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
)

// HandshakeError says that there was a connection, and no TLS on it.
type HandshakeError struct{ Err error }

func (e *HandshakeError) Error() string { return "tls handshake: " + e.Err.Error() }
func (e *HandshakeError) Unwrap() error { return e.Err }

// secure puts TLS on conn.
func (t Target) secure(ctx context.Context, conn net.Conn) (net.Conn, error) {
	config := t.TLS.Clone() // a nil one is nil again
	if config == nil {
		config = new(tls.Config)
	}
	if config.ServerName == "" {
		config.ServerName = t.Address
		if host, _, err := net.SplitHostPort(t.Address); err == nil {
			config.ServerName = host
		}
	}
	b := &below{Conn: conn}
	config.GetClientCertificate = b.certificateOf(config)
	c := tls.Client(b, config)
	if err := c.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, &HandshakeError{err}
	}
	return c, nil
}

// below is the connection below TLS. It remembers a FIN, which crypto/tls does
// not tell from a close_notify: between two records, either is an io.EOF. And it
// remembers whether the server asked for a certificate.
type below struct {
	net.Conn
	fin   atomic.Bool
	asked bool
}

func (b *below) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if err == io.EOF {
		b.fin.Store(true)
	}
	return n, err
}

// NetConn is the connection itself.
func (b *below) NetConn() net.Conn { return b.Conn }

// Bare is the connection below TLS, which has the options and the FIN of a
// socket; c itself where there is no TLS.
func Bare(c net.Conn) net.Conn {
	for {
		upper, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return c
		}
		c = upper.NetConn()
	}
}

// Notified reports whether c, a TLS stream of [Target.Dial] that has ended by err,
// was ended by a close_notify.
func Notified(c net.Conn, err error) bool {
	return err == io.EOF && !c.(*tls.Conn).NetConn().(*below).fin.Load()
}
