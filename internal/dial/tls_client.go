package dial

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"time"
)

// certificateOf is config's GetClientCertificate, or what crypto/tls does without
// one: the first certificate that suits the server, or one that is empty.
func (b *below) certificateOf(config *tls.Config) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	given, certs := config.GetClientCertificate, config.Certificates
	return func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		b.asked = true
		if given != nil {
			return given(request)
		}
		for i := range certs {
			if request.SupportsCertificate(&certs[i]) == nil {
				return &certs[i], nil
			}
		}
		return new(tls.Certificate), nil
	}
}

// Admitted waits for wait, or until ctx ends, for c's server to refuse the
// certificate that it asked for and got, or did not get: since TLS 1.3 a client
// is done with the handshake before the server has looked (RFC 8446, section
// 2). It returns that refusal, a *HandshakeError. It waits for nothing, and
// returns nil, where no certificate was asked for.
//
// c must be a new connection of [Target.Dial]; it can then only be closed, because
// what it says is lost.
func Admitted(ctx context.Context, c net.Conn, wait time.Duration) error {
	secure, ok := c.(*tls.Conn)
	if !ok || !secure.NetConn().(*below).asked {
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
