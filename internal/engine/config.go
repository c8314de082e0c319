package engine

import (
	"crypto/tls"
	"log/slog"
	"os"
	"time"

	"echod/internal/echo"
	"echod/internal/sock"
)

// Config is what an engine is given. WithDefaults fills what is zero.
type Config struct {
	// Listeners are resolved addresses to bind, or sockets already bound.
	Listeners []Listener
	// Loops is how many event loops share the connections; 0 means one for
	// each processor that Go may use (GOMAXPROCS).
	Loops int
	// Buffer is the most user memory, in bytes, that one connection may hold,
	// and the most that is read from it in one turn. Default 256 KiB: 64 KiB
	// costs about a tenth of bulk throughput.
	Buffer int
	// IdleTimeout resets a stream on which nothing was received for so long
	// while nothing was owed. Default 0: never, as RFC 862 asks.
	IdleTimeout time.Duration
	// StallTimeout resets a stream whose peer took none of the bytes it is
	// owed for so long. Negative: never. Default 5 minutes.
	StallTimeout time.Duration
	// HandshakeTimeout resets a stream on which TLS has not come about so long
	// after it was accepted. Default 5 seconds.
	HandshakeTimeout time.Duration
	// BusyPoll is how long a loop polls without sleeping before it sleeps.
	// Default 0: it sleeps at once.
	BusyPoll time.Duration
	// KeepAlive finds dead peers on silent streams.
	KeepAlive sock.KeepAlive
	// Budget is what all engines of a process share; nil means one of the
	// engine's own, with the default limits.
	Budget *Budget
	// Guard decides which datagrams are answered; nil means one of the
	// engine's own that knows only the engine's own addresses.
	Guard *echo.Guard
	// Log receives what an operator should know; nil means nobody.
	Log *slog.Logger
}

// Listener is one address to serve.
type Listener struct {
	// Spec says where. After New, Server.Listeners tells where really.
	Spec sock.Spec
	// File, if not nil, is a socket that is already bound, and for streams
	// listening, such as systemd's. The engine duplicates the descriptor and
	// leaves the file to its owner.
	File *os.File
	// TLS is how streams are secured, for the network "tls" alone, where it is
	// never nil. A certificate changes without a new listener by its
	// GetConfigForClient.
	TLS *tls.Config
}

// Defaults of Config.
const (
	DefaultBuffer           = 256 << 10
	DefaultStallTimeout     = 5 * time.Minute
	DefaultHandshakeTimeout = 5 * time.Second
	MinBuffer               = 4 << 10
)

// WithDefaults returns cfg with every zero field replaced by its default.
func (cfg Config) WithDefaults() Config {
	if cfg.Buffer == 0 {
		cfg.Buffer = DefaultBuffer
	}
	if cfg.StallTimeout == 0 {
		cfg.StallTimeout = DefaultStallTimeout
	}
	if cfg.HandshakeTimeout == 0 {
		cfg.HandshakeTimeout = DefaultHandshakeTimeout
	}
	if cfg.KeepAlive == (sock.KeepAlive{}) {
		cfg.KeepAlive = sock.DefaultKeepAlive
	}
	if cfg.Budget == nil {
		cfg.Budget = NewBudget(Limits{})
	}
	if cfg.Guard == nil {
		cfg.Guard = echo.NewGuard(echo.GuardConfig{})
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return cfg
}

// SocketOptions are the socket options that cfg asks for.
func (cfg Config) SocketOptions() sock.Options {
	return sock.Options{KeepAlive: cfg.KeepAlive}
}
