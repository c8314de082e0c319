package check

import (
	"cmp"
	"math/rand/v2"
	"runtime"
	"strconv"
	"time"

	"echod/internal/endpoint"
	"echod/internal/trace"
)

// Options are the settings of a check. The zero value runs the default rules.
type Options struct {
	Rules []string // IDs or globs, e.g. "stream/*"; none means all
	Skip  []string // IDs or globs to omit

	Timeout  time.Duration // limit on each wait for something that is due; default DefaultTimeout
	Conns    int           // concurrent clients in stream/concurrency; default DefaultConns
	Absorb   int64         // bytes that may be received while the client reads nothing; default DefaultAbsorb
	Seed     uint64        // every byte is made from it; 0 means a random seed, which the report contains
	Parallel int           // rules that may run concurrently; default 4 for each processor

	Bulk     int64         // bytes to send in stream/bulk; default DefaultBulk, or no limit if BulkTime is set
	BulkTime time.Duration // how long stream/bulk sends at most; default DefaultBulkTime
	Stall    time.Duration // how long stream/zero-window does not read; default DefaultStall, with Long LongStall
	IdleMax  time.Duration // the longest silence of stream/idle and datagram/nat-idle; default DefaultIdleMax
	Closed   string        // URL, through the same path, of a port on which nothing listens
	Budget   time.Duration // limit on the whole run; default DefaultBudget, with Long none
	Strict   bool          // a rule fails if it passes only when it runs again alone
	Long     bool          // also check what takes minutes
	Unsafe   bool          // also do what a server or a network may take for an attack
	Anyway   bool          // run the rules also if the target is not an echo

	// Agent is the URL of the remote agent, tcp://host:port or tls://host:port, as seen
	// through the path. Without it, or with another network than a stream target has,
	// rules that need an agent are skipped. Target.TLS is for the agent too. Token is the agent's
	// token. AgentUDP is the URL of the agent's UDP port as seen through the path,
	// udp://host:port; by default it has the host and the port of Agent.
	Agent    string
	AgentUDP string
	Token    string

	// Trace records each connection; nil for none. Only streams are recorded, not datagrams. Only
	// echod itself can make one.
	Trace *trace.Recorder

	// Progress, if set, is called when a rule starts and with each result. Calls
	// come in any order, but never concurrently.
	Progress func(Progress)
}

const (
	DefaultTimeout = 5 * time.Second
	DefaultConns   = 100
	// DefaultAbsorb exceeds the socket buffers of a path with two honest proxies:
	// Linux lets a receive buffer grow to 32 MiB (tcp_rmem), and the server and each
	// proxy have one.
	DefaultAbsorb = 192 << 20
	// DefaultBulk takes little more than a second on loopback.
	DefaultBulk     = 512 << 20
	DefaultBulkTime = 15 * time.Second
	MaxBulk         = 1 << 40
	DefaultStall    = 10 * time.Second
	// LongStall is longer than the usual write timeouts, which are up to a minute.
	LongStall      = time.Minute
	DefaultIdleMax = 10 * time.Minute
	DefaultBudget  = time.Minute
)

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Conns <= 0 {
		o.Conns = DefaultConns
	}
	if o.Absorb <= 0 {
		o.Absorb = DefaultAbsorb
	}
	if o.Bulk <= 0 {
		o.Bulk = DefaultBulk
		if o.BulkTime > 0 {
			o.Bulk = MaxBulk
		}
	}
	if o.BulkTime <= 0 {
		o.BulkTime = DefaultBulkTime
	}
	if o.Stall <= 0 {
		o.Stall = defaultStall(o.Long)
	}
	if o.IdleMax <= 0 {
		o.IdleMax = DefaultIdleMax
	}
	if o.Budget <= 0 {
		o.Budget = defaultBudget(o.Long, o.Stall)
	}
	if o.Parallel <= 0 {
		o.Parallel = 4 * runtime.GOMAXPROCS(0)
	}
	for o.Seed == 0 {
		o.Seed = uint64(rand.Uint32()) // short enough to type
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	return o
}

func defaultStall(long bool) time.Duration {
	if long {
		return LongStall
	}
	return DefaultStall
}

// defaultBudget leaves time for a longer stall.
func defaultBudget(long bool, stall time.Duration) time.Duration {
	if long {
		return 0
	}
	return DefaultBudget + 2*max(0, stall-DefaultStall)
}

// validate checks the URLs. The error is a *UsageError.
func (o Options) validate() error {
	var errClosed error
	if o.Closed != "" {
		_, errClosed = closedTarget(o.Closed)
	}
	return cmp.Or(validateAgent(o.Agent, "tcp", "tls"), validateAgent(o.AgentUDP, "udp"), errClosed)
}

func validateAgent(url string, networks ...string) error {
	if url == "" {
		return nil
	}
	_, err := endpoint.Parse(url, networks...)
	return err
}

// flags returns the flags of echod check for o: only those that differ from the
// default, without the rules and the seed.
func (o Options) flags() []string {
	var words []string
	add := func(differs bool, flag ...string) {
		if differs {
			words = append(words, flag...)
		}
	}
	add(o.Timeout != DefaultTimeout, "--timeout", o.Timeout.String())
	add(o.Conns != DefaultConns, "--conns", strconv.Itoa(o.Conns))
	if o.Bulk != DefaultBulk && o.Bulk != MaxBulk { // a command line cannot have a time in addition
		add(true, "--bulk", strconv.FormatInt(o.Bulk, 10))
	} else {
		add(o.Bulk == MaxBulk || o.BulkTime != DefaultBulkTime, "--bulk", o.BulkTime.String())
	}
	add(o.Stall != defaultStall(o.Long), "--stall", o.Stall.String())
	add(o.IdleMax != DefaultIdleMax, "--idle-max", o.IdleMax.String())
	add(o.Budget != 0 && o.Budget != defaultBudget(o.Long, o.Stall), "--budget", o.Budget.String())
	add(o.Strict, "--strict")
	add(o.Long, "--long")
	add(o.Unsafe, "--unsafe")
	add(o.Anyway, "--anyway")
	add(o.Closed != "", "--closed", o.Closed)
	add(o.Agent != "", "--agent", o.Agent)
	add(o.AgentUDP != "", "--agent-udp", o.AgentUDP)
	add(o.Token != "", "--token", "TOKEN") // a report contains no secrets
	return words
}
