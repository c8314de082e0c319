package echotest

import (
	"crypto/tls"
	"sync"
	"testing"

	"echod/internal/endpoint"
)

// Server is an echo server that lives as long as the test that started it.
type Server struct {
	url  string
	tls  *tls.Config // what a client needs to trust it; nil without TLS
	stop func()
	once sync.Once
}

// newServer returns the Server that answers at url, as tcp://127.0.0.1:4711,
// and has stop called once: by Close or when t ends, whichever comes first.
func newServer(t testing.TB, url string, stop func()) *Server {
	s := &Server{url: url, stop: stop}
	t.Cleanup(s.Close)
	return s
}

// URL is where the server answers: tcp://host:port, tls://host:port,
// udp://host:port or unix:///path.
func (s *Server) URL() string { return s.url }

// Addr is the address in the URL, in the form that net.Dial takes: host:port, or
// a path.
func (s *Server) Addr() string {
	u, err := endpoint.Parse(s.url)
	if err != nil {
		panic(err) // it was made by a server
	}
	return u.Address()
}

// Close stops the server, ends what is left of its connections and waits for
// them. It may be called more than once.
func (s *Server) Close() { s.once.Do(s.stop) }
