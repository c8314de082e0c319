package dial

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// HandshakeError is returned when a connection was made and the TLS handshake on it
// failed.
type HandshakeError struct{ Err error }

func (e *HandshakeError) Error() string {
	switch Classify(e.Err) {
	case Timeout:
		return "tls handshake: no answer within the timeout"
	case PrematureEOF:
		return "tls handshake: the connection ended"
	}
	return "tls handshake: " + e.Err.Error()
}
func (e *HandshakeError) Unwrap() error { return e.Err }

// startTLS does the TLS handshake on conn.
func (t Target) startTLS(ctx context.Context, conn net.Conn) (net.Conn, error) {
	config := t.TLS.Clone() // the clone of nil is nil
	if config == nil {
		config = new(tls.Config)
	}
	if config.ServerName == "" {
		config.ServerName = t.Address
		if host, _, err := net.SplitHostPort(t.Address); err == nil {
			config.ServerName = host
		}
	}
	transport := &tlsTransport{Conn: conn}
	config.GetClientCertificate = transport.clientCertificate(config)
	c := tls.Client(transport, config)
	if err := c.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, &HandshakeError{err}
	}
	return c, nil
}

// tlsTransport is the connection below TLS. It records two facts that crypto/tls does
// not report: whether the connection ended by a FIN or by a close_notify, both of which
// are an io.EOF between two records; and whether the server requested a certificate.
type tlsTransport struct {
	net.Conn
	fin           atomic.Bool
	certRequested bool
}

func (t *tlsTransport) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	if err == io.EOF {
		t.fin.Store(true)
	}
	return n, err
}

// NetConn returns the connection itself.
func (t *tlsTransport) NetConn() net.Conn { return t.Conn }

// Transport returns the connection below TLS, which has the options and the half-close
// of a socket. Without TLS, that is c.
func Transport(c net.Conn) net.Conn {
	for {
		upper, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return c
		}
		c = upper.NetConn()
	}
}

// TLSServer returns the server's side of a TLS stream on conn, for [GotCloseNotify] and
// [Transport]. The first read or write does the handshake.
func TLSServer(conn net.Conn, config *tls.Config) *tls.Conn {
	return tls.Server(&tlsTransport{Conn: conn}, config)
}

// GotCloseNotify reports whether c, a TLS stream of [Target.Dial] or [TLSServer] that a
// read has ended with err, ended with a close_notify. Of another TLS stream it is not known, and
// taken for true.
func GotCloseNotify(c net.Conn, err error) bool {
	t, ok := c.(*tls.Conn).NetConn().(*tlsTransport)
	return err == io.EOF && !(ok && t.fin.Load())
}

// clientCertificate returns a GetClientCertificate that calls the one of config. Without
// one it does what crypto/tls does: it returns the first certificate that the server
// supports, or an empty one.
func (t *tlsTransport) clientCertificate(config *tls.Config) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	get, certs := config.GetClientCertificate, config.Certificates
	return func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		t.certRequested = true
		if get != nil {
			return get(request)
		}
		for i := range certs {
			if request.SupportsCertificate(&certs[i]) == nil {
				return &certs[i], nil
			}
		}
		return new(tls.Certificate), nil
	}
}

// AwaitCertRejection waits for wait, or until ctx ends, for the server of c to reject the
// client's certificate, or its absence. Since TLS 1.3 a client completes the handshake
// before the server has verified it (RFC 8446, section 2). It returns the rejection, a
// *HandshakeError, or nil. If the server requested no certificate, it does not wait.
//
// c must be a new connection of [Target.Dial]. Afterwards it can only be closed, because
// bytes that arrived may be lost.
func AwaitCertRejection(ctx context.Context, c net.Conn, wait time.Duration) error {
	secure, ok := c.(*tls.Conn)
	if !ok || !secure.NetConn().(*tlsTransport).certRequested {
		return nil
	}
	c.SetReadDeadline(time.Now().Add(wait))
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := c.Read(make([]byte, 1)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return &HandshakeError{err}
	}
	return ctx.Err()
}
