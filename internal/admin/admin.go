package admin

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"time"

	"echod/internal/oplog"
	"echod/internal/usage"
)

// Config is what an admin server is made of.
type Config struct {
	// Addr is where it listens: HOST:PORT, or unix:///PATH.
	Addr string
	// Public allows an Addr that others than this machine can reach.
	Public bool
	// Hosts are names, beside localhost and every IP address, by which a
	// request may call it.
	Hosts []string
	// Pprof adds Go's profiles under /debug/pprof/.
	Pprof bool
	// Log receives what goes wrong; nil means nobody.
	Log *slog.Logger

	maxConns int // default maxConns
}

// Answers are what a server has to say. All of them are called from any
// goroutine.
type Answers struct {
	// Metrics answers /metrics; nil: nobody does.
	Metrics http.Handler
	// Page answers / and what is below it that nobody else answers; nil: nobody
	// does.
	Page http.Handler
	// Ready reports whether the service takes new work, and if not, why not.
	Ready func() (ok bool, why string)
}

// badAddr returns the *usage.Error of an address that cannot be used.
func badAddr(addr, got, want string) error {
	return usage.New(fmt.Sprintf("bad address %q: %s", addr, got), want)
}

// What a client may take, of time and of memory. A profile of 30 seconds must be
// possible, and a scraper that reads slowly; nobody has to be let hang longer.
const (
	headerTime  = 5 * time.Second
	requestTime = 10 * time.Second
	answerTime  = 60 * time.Second
	idleTime    = 2 * time.Minute
	headerBytes = 16 << 10
	maxConns    = 64
)

// Server is an admin server at its address.
type Server struct {
	cfg  Config
	http *http.Server
	ln   *connLimit
	url  string
}

// Listen binds the address. Who calls is answered when Serve is called. The error is an
// *usage.Error if the address cannot be right, else what binding met.
func Listen(cfg Config) (*Server, error) {
	ln, url, err := listen(cfg)
	if err != nil {
		return nil, err
	}
	return New(cfg, ln, url), nil
}

// New returns a server on a listener that is bound to url. Addr and Public of cfg mean
// nothing here.
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
			ReadHeaderTimeout: headerTime,
			ReadTimeout:       requestTime,
			WriteTimeout:      answerTime,
			IdleTimeout:       idleTime,
			MaxHeaderBytes:    headerBytes,
			ConnState:         limited.connState,
			ErrorLog:          log.New(oplog.LineWriter(cfg.Log, slog.LevelDebug, "admin http"), "", 0),
		},
	}
}

// URL is where it really listens, as in http://127.0.0.1:9462.
func (s *Server) URL() string { return s.url }

// Serve answers until Shutdown. It is called once. The error is what broke, nil
// after Shutdown.
func (s *Server) Serve(a Answers) error {
	s.http.Handler = newHandler(s.cfg, a, s.ln.Addr().Network() == "unix")
	if err := s.http.Serve(s.ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown closes the listener and waits until what was asked is answered, or
// until ctx ends: then it closes every connection. It may be called before
// Serve.
func (s *Server) Shutdown(ctx context.Context) {
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
	s.ln.Close() // which http knows only once it serves
}
