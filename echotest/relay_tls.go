package echotest

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"echod/internal/dial"
)

// side is one side of a relay: a socket, or TLS on one.
type side interface {
	net.Conn
	CloseWrite() error
	SetLinger(seconds int) error
	SetReadBuffer(bytes int) error
	SetWriteBuffer(bytes int) error
}

// startTLS is startStreams for a relay that ends TLS.
func (r *relay) startTLS(t testing.TB) *Server {
	t.Helper()
	configs, err := tlsConfigs()
	if err != nil {
		t.Fatalf("echotest: %v", err)
	}
	r.tls = configs.server
	s := r.startStreams(t)
	s.url, s.tls = "tls://"+s.Addr(), configs.client
	return s
}

// clientSide returns the client's side of a connection, after the handshake if the relay ends
// TLS. With an error the connection is closed.
func (r *relay) clientSide(ctx context.Context, conn *net.TCPConn) (side, error) {
	if r.tls == nil {
		return conn, nil
	}
	s := &tlsSide{Conn: dial.TLSServer(conn, r.tls), transport: conn}
	s.omitsNotify.Store(r.path.OmitsCloseNotify)
	if err := s.HandshakeContext(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// tlsSide is the client's side of a relay that ends TLS.
type tlsSide struct {
	*tls.Conn
	transport   *net.TCPConn
	omitsNotify atomic.Bool // ends with a FIN and without close_notify
}

var errTruncated = errors.New("a FIN without close_notify")

// Read returns errTruncated at a FIN without close_notify, which the relay then handles as a
// reset.
func (s *tlsSide) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if err == io.EOF && !dial.GotCloseNotify(s.Conn, err) {
		err = errTruncated
	}
	return n, err
}

func (s *tlsSide) CloseWrite() error {
	if s.omitsNotify.Load() {
		return s.transport.CloseWrite()
	}
	return s.Conn.CloseWrite()
}

// Close ends the stream with a close_notify, unless the side omits it or was reset.
func (s *tlsSide) Close() error {
	if s.omitsNotify.Load() {
		return s.transport.Close()
	}
	return s.Conn.Close()
}

// SetLinger is for a reset, which has no close_notify before it.
func (s *tlsSide) SetLinger(seconds int) error {
	s.omitsNotify.Store(true)
	return s.transport.SetLinger(seconds)
}

func (s *tlsSide) SetReadBuffer(bytes int) error  { return s.transport.SetReadBuffer(bytes) }
func (s *tlsSide) SetWriteBuffer(bytes int) error { return s.transport.SetWriteBuffer(bytes) }
