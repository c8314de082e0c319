// Package admin is the HTTP server beside a service: metrics, health checks and the live
// page. It has its own limits. No request to it can change the service or slow it down.
package admin

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"time"

	"echod/internal/oplog"
)

// Config is the configuration of an admin server.
type Config struct {
	// Addr is where it listens: HOST:PORT, or unix:///PATH.
	Addr string
	// Public allows an Addr that other machines can reach.
	Public bool
	// Hosts are names that requests may use, besides localhost and IP addresses.
	Hosts []string
	// Pprof adds Go's profiles under /debug/pprof/.
	Pprof bool
	// Log receives errors; nil discards them.
	Log *slog.Logger

	maxConns int // default maxConns
}

// Handlers answer the requests. They are called from any goroutine. Without a handler,
// the answer is 404.
type Handlers struct {
	Metrics http.Handler // for /metrics
	Page    http.Handler // for / and all paths that have no other handler; /trace only if IsLocal
	// Ready reports whether the service accepts connections, and why not. Nil: always.
	Ready func() (ok bool, why string)
}

// The limits of a client. A profile of 30 seconds must be possible, and a scraper that
// reads slowly.
const (
	headerTimeout  = 5 * time.Second
	requestTimeout = 10 * time.Second
	answerTimeout  = 60 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeader      = 16 << 10
	maxConns       = 64
)

// Server is an admin server with its listener.
type Server struct {
	cfg  Config
	http *http.Server
	ln   *connLimit
	url  string
}

// Listen binds the address. Clients wait until Serve is called. The error is a
// *usage.Error if the address is invalid.
func Listen(cfg Config) (*Server, error) {
	ln, url, err := listen(cfg)
	if err != nil {
		return nil, err
	}
	return New(cfg, ln, url), nil
}

// New returns a server on a listener that is bound to url. It ignores Addr and Public of
// cfg.
func New(cfg Config, ln net.Listener, url string) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.maxConns == 0 {
		cfg.maxConns = maxConns
	}
	limited := limitConns(ln, cfg.maxConns, url, cfg.Log)
	return &Server{
		cfg: cfg,
		ln:  limited,
		url: url,
		http: &http.Server{
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       requestTimeout,
			WriteTimeout:      answerTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeader,
			ConnState:         limited.connState,
			ErrorLog:          log.New(oplog.LineWriter(cfg.Log, slog.LevelDebug, "admin http"), "", 0),
		},
	}
}

// URL returns the address of the listener, e.g. http://127.0.0.1:9462.
func (s *Server) URL() string { return s.url }

// IsLocal reports whether only this machine can reach the address.
func (s *Server) IsLocal() bool {
	addr := s.ln.Addr()
	tcp, ok := addr.(*net.TCPAddr)
	return addr.Network() == "unix" || ok && tcp.IP.IsLoopback()
}

// Serve answers requests until Shutdown. It is called once. It returns nil after
// Shutdown.
func (s *Server) Serve(h Handlers) error {
	s.http.Handler = newHandler(s.cfg, h, s.ln.Addr().Network() == "unix", s.IsLocal())
	if err := s.http.Serve(s.ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown closes the listener and waits until the current requests are answered. If ctx
// ends before, it closes every connection. It may be called before Serve.
func (s *Server) Shutdown(ctx context.Context) {
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
	s.ln.Close() // http knows the listener only after Serve
}
