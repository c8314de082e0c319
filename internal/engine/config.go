package engine

import (
	"crypto/tls"
	"log/slog"
	"os"
	"time"

	"echod/internal/accept"
	"echod/internal/echo"
	"echod/internal/memory"
	"echod/internal/sock"
	"echod/internal/trace"
)

// Config is the configuration of an engine. WithDefaults fills in zero fields.
type Config struct {
	// Listeners are resolved addresses to bind, or sockets that are bound already.
	Listeners []Listener
	// Loops is the number of event loops that share the connections. 0 means
	// GOMAXPROCS.
	Loops int
	// Buffer is the most memory, in bytes, that one connection may use for owed
	// bytes, and the most that is read from it at once. Default 512 KiB; 256 KiB
	// would cost 7 to 20 % of bulk throughput.
	Buffer int
	// IdleTimeout is how long a stream without owed bytes may receive nothing
	// before it is reset. Default 0: without limit, as RFC 862 asks.
	IdleTimeout time.Duration
	// StallTimeout is how long a peer may take none of its owed bytes before its
	// stream is reset. A negative one means without limit. Default 5 minutes.
	StallTimeout time.Duration
	// HandshakeTimeout is how long a TLS handshake may take, from accept on,
	// before the connection is reset. Default 5 seconds.
	HandshakeTimeout time.Duration
	// BusyPoll is how long a loop polls for events before it waits for them.
	// Default 0: it waits at once.
	BusyPoll time.Duration
	// KeepAlive is how dead peers on silent streams are found.
	KeepAlive sock.KeepAlive
	// Budget is shared by all engines of a process. nil means a new one with the
	// default limits.
	Budget *Budget
	// Guard decides which datagrams are answered. nil means a new one, which
	// knows only the addresses of this engine.
	Guard *echo.Guard
	// Log receives what an operator should know. nil discards it.
	Log *slog.Logger
	// Trace records the lives of connections. nil records nothing.
	Trace *trace.Recorder
}

// Listener is one address to serve.
type Listener struct {
	// Spec is the address to bind. Server.Listeners returns what was bound.
	Spec sock.Spec
	// File, if not nil, is a socket that is bound already and, for streams,
	// listens, e.g. one from systemd. The engine duplicates the descriptor. The
	// caller closes the file.
	File *os.File
	// TLS is required for the network "tls" and nil for all others. Its
	// GetConfigForClient can change the certificate while the listener is open.
	TLS *tls.Config
}

// Defaults of Config.
const (
	DefaultBuffer           = 512 << 10
	DefaultStallTimeout     = 5 * time.Minute
	DefaultHandshakeTimeout = 5 * time.Second
	MinBuffer               = 4 << 10
)

// WithDefaults returns cfg with its defaults filled in.
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

// SocketOptions returns the socket options that cfg asks for.
func (cfg Config) SocketOptions() sock.Options {
	return sock.Options{KeepAlive: cfg.KeepAlive}
}

// Limits are the limits of a whole process. A field that is zero has its default.
type Limits struct {
	// MaxConns is how many streams may be open at once. At the limit listeners
	// pause, and new connections wait in the kernel's backlog. 0 means the
	// descriptor limit of the process, less SpareFDs.
	MaxConns int
	// MaxConnsPerIP is how many streams one IPv4 address, or one IPv6 /64, may
	// have open. A stream above it is reset after accept. 0 means no such limit.
	MaxConnsPerIP int
	// MaxMemory is how many bytes all buffers for owed bytes may have together,
	// spare buffers included. When it is used up, engines leave the bytes in the
	// kernel. Default 256 MiB.
	MaxMemory int64
}

const (
	// DefaultMaxMemory is the default of Limits.MaxMemory.
	DefaultMaxMemory = 256 << 20
	// SpareFDs is how many descriptors are kept for everything that is not a
	// stream: listeners, pollers, logs.
	SpareFDs = 64
)

// Budget is what the engines of a process share and may not exceed together: the
// number of open connections, and the memory for owed bytes. Its methods may be
// called from any goroutine.
type Budget struct {
	// Slots limits the number of open connections.
	Slots *accept.Slots

	limits Limits
	pool   *memory.Pool
}

// NewBudget returns a budget with these limits, none of it in use.
func NewBudget(l Limits) *Budget {
	if l.MaxConns == 0 {
		l.MaxConns = max(maxDescriptors()-SpareFDs, 1)
	}
	if l.MaxMemory == 0 {
		l.MaxMemory = DefaultMaxMemory
	}
	b := &Budget{Slots: accept.NewSlots(l.MaxConns, l.MaxConnsPerIP), limits: l}
	b.pool = memory.NewPool(l.MaxMemory, b.trimLater)
	// Go's runtime opens its network poller with the first timer, and the process ends
	// if there is no descriptor left for it. There is one now.
	time.AfterFunc(trimEvery, func() {}).Stop()
	return b
}

// Limits returns the limits in force, with defaults filled in.
func (b *Budget) Limits() Limits { return b.limits }

// Pool returns the memory for owed bytes. See package memory.
func (b *Budget) Pool() *memory.Pool { return b.pool }

// Memory returns how many bytes of the pool are in use now. Spare buffers are not.
func (b *Budget) Memory() int64 { return b.pool.Held() }

// trimEvery is how often spare buffers are freed that were not used since the last
// time.
const trimEvery = time.Second

// trimLater starts to free spare buffers, and goes on until there are none left.
func (b *Budget) trimLater() {
	time.AfterFunc(trimEvery, func() {
		if b.pool.Trim() > 0 {
			b.trimLater()
		}
	})
}
