package load

import (
	"fmt"
	"net/netip"
	"time"

	"echod/internal/dial"
	"echod/internal/sock"
	"echod/internal/usage"
)

// Plan is a load to put on an echo service: which service, how many connections, which
// messages, and when. [Plan.Check] reports whether it can be carried out.
//
// As JSON it is part of every [Result], so that whoever reads one can run it again.
type Plan struct {
	URL    string      `json:"url"`
	Target dial.Target `json:"-"` // what URL says, and how to speak TLS with it

	// AllAddresses spreads the connections over all addresses of the name, and counts each
	// of them apart.
	AllAddresses bool `json:"all_addresses,omitempty"`

	// Conns is the number of connections, or of sockets for datagrams. ConnectRate is
	// how many of them are opened per second; 0: no limit.
	Conns       int     `json:"conns"`
	ConnectRate float64 `json:"connect_rate,omitempty"`
	// Sources are the local addresses to connect from, in turn: one address has about
	// 28,000 ports on Linux (ip_local_port_range).
	Sources []netip.Addr `json:"sources,omitempty"`

	// Socket is the options of the sockets. With any of them, the driver is that on package
	// net, also on Linux.
	Socket dial.Socket `json:"socket,omitzero"`

	// Rate is the number of messages per second that are sent on a schedule, over all
	// connections (open loop). 0 sends the next message when an answer has come
	// (closed loop). If it has stages, Duration is their sum.
	Rate Rate `json:"rate,omitzero"`
	// Phase delays the schedule by a part of a message. The schedules of n generators at the same
	// rate, whose phases are 0, 1/n, 2/n and so on, have together the instants of one generator.
	Phase float64 `json:"phase,omitempty"`
	// Depth is the number of messages in flight on each connection in a closed loop. It
	// is not used in an open loop.
	Depth int `json:"depth"`
	// Sizes are the lengths of messages, in bytes.
	Sizes Sizes `json:"sizes"`
	// Churn makes a connection for each message: it sends the message and a FIN, and
	// reads the answer up to the end of the stream.
	Churn bool `json:"churn,omitempty"`

	// Warmup is not measured. The measurement after it lasts for Duration, or, if
	// Messages is not 0, until that many messages have an outcome.
	Warmup   time.Duration `json:"warmup"`
	Duration time.Duration `json:"duration,omitempty"`
	Messages int64         `json:"messages,omitempty"`
	// Timeout is the longest wait for a connection or an answer.
	Timeout time.Duration `json:"timeout"`

	// Threads is the number of threads of the generator, which share the connections: thread i
	// has those whose numbers have the remainder i. 0 and 1 are one thread. Only the driver for
	// Linux without TLS has several.
	Threads int `json:"threads,omitempty"`

	// GSO sends the datagrams that are in flight on a socket as trains: the kernel gets all of
	// them in one piece, and divides it. Only the driver for Linux can.
	GSO bool `json:"gso,omitempty"`

	// Spin is how long before a message of an open loop is due the generator stops sleeping
	// and checks the clock all the time. A longer time makes it more precise on an idle
	// machine, and takes more CPU time. Only the driver for Linux without TLS spins.
	Spin time.Duration `json:"spin,omitempty"`

	// Verify compares every byte that comes back with the one that was sent. Seed
	// determines the bytes.
	Verify bool   `json:"verify"`
	Seed   uint64 `json:"seed"`

	// ServerPID is a process of this machine whose CPU time and memory are measured too;
	// 0: none.
	ServerPID int `json:"server_pid,omitempty"`
}

// The limits of a plan.
const (
	MaxConns    = 1 << 20
	MaxDepth    = 1 << 16
	DefaultSpin = 50 * time.Microsecond
	maxDatagram = 65507 // bytes: what IPv4 and UDP leave of 64 KiB

	// MaxTime is the longest time in a plan: longer than anybody waits, and short enough for
	// the arithmetic with it.
	MaxTime = 366 * 24 * time.Hour
	// MaxTimeout is the longest timeout: a histogram records a longer latency as an hour.
	MaxTimeout = time.Hour
	// MaxMessages is the largest number of messages: a float64 holds it, and each smaller one.
	MaxMessages = 1e15
)

// Check reports whether the plan can be carried out. The error is a *usage.Error.
func (p Plan) Check() error {
	udp := p.Target.Network == "udp"
	perSecond, _ := p.Rate.Constant()
	for _, mistake := range []struct {
		made      bool
		got, want string
	}{
		{p.AllAddresses && (!p.Target.HasName()), "--all-addresses without a name", "want a URL with the name of a host"},
		{p.Conns < 1 || p.Conns > MaxConns, fmt.Sprintf("%d connections", p.Conns), fmt.Sprintf("want 1 to %d", MaxConns)},
		{p.Depth < 1 || p.Depth > MaxDepth, fmt.Sprintf("%d messages in flight", p.Depth), fmt.Sprintf("want 1 to %d", MaxDepth)},
		{p.Sizes.Max() == 0, "messages without a length", "want at least 1 byte"},
		{!(p.ConnectRate >= 0 && p.ConnectRate <= 1e8), fmt.Sprintf("%g connects per second", p.ConnectRate),
			"want 0 (no limit) to 100000000"},
		{p.Duration < 0 || p.Warmup < 0, "a negative time", "omit it"},
		{max(p.Duration, p.Warmup) > MaxTime, brief(max(p.Duration, p.Warmup)), "want at most " + brief(MaxTime)},
		{p.Timeout > MaxTimeout, "a timeout of " + brief(p.Timeout), "want at most " + brief(MaxTimeout) + ", the longest latency that is recorded"},
		{float64(p.Conns-1) > p.ConnectRate*MaxTime.Seconds() && p.ConnectRate > 0,
			fmt.Sprintf("%d connections at %g per second take more than %s", p.Conns, p.ConnectRate, brief(MaxTime)), "want a higher --connect-rate"},
		{p.Messages < 0 || p.Messages > MaxMessages, fmt.Sprintf("%d messages", p.Messages), fmt.Sprintf("want 1 to %.0f", MaxMessages)},
		{float64(p.Messages) > perSecond*MaxTime.Seconds() && perSecond > 0,
			fmt.Sprintf("%d messages at %g per second take more than %s", p.Messages, perSecond, brief(MaxTime)), "want fewer, or a higher --rate"},
		{p.Spin < 0, "a negative time to spin", "want 0 or more"},
		{p.Timeout <= 0, "no time for an answer", "want a timeout, e.g. 5s"},
		{p.Duration == 0 && p.Messages == 0, "no end", "want a duration or a number of messages"},
		{p.Duration > 0 && p.Messages > 0, "--duration and --messages exclude each other", "omit one of them"},
		{!p.Rate.valid(MaxRate), "a rate of " + p.Rate.String(), "want 0 (as fast as answers come) to 100000000 per second, for at most " + brief(MaxTime)},
		{!p.Rate.IsZero() && p.Depth > 1, "--rate and --depth exclude each other", "omit --depth, because the schedule decides how much is in flight"},
		{p.Rate.Duration() > 0 && (p.Messages > 0 || p.Duration != p.Rate.Duration()),
			"--rate with stages says how long to measure", "omit --duration and --messages"},
		{p.Rate.Duration() > 0 && p.Warmup > 0, "--warmup and --rate with stages exclude each other", "omit --warmup, and begin with a stage"},
		{!(p.Phase >= 0 && p.Phase < 1), fmt.Sprintf("a phase of %g", p.Phase), "want 0 or more, and less than 1"},
		{p.nothingIsDue(), fmt.Sprintf("a rate of %s: nothing is due in %s", p.Rate, brief(p.Duration)), "want a higher rate or a longer duration"},
		{p.Threads < 0 || p.Threads > MaxThreads, fmt.Sprintf("--threads %d", p.Threads), fmt.Sprintf("want 1 to %d", MaxThreads)},
		{p.Threads > p.Conns, fmt.Sprintf("--threads %d for %d connections", p.Threads, p.Conns), "want at most a thread for each connection"},
		{p.Threads > 1 && p.isFew(int64(p.Threads)), fmt.Sprintf("--threads %d for fewer messages", p.Threads),
			"want at most a thread for each message: a higher --rate, or more --messages"},
		{p.Threads > 1 && p.needsGoroutines(), fmt.Sprintf("--threads %d over TLS, or with -I, -Q or -M", p.Threads),
			"omit it: each connection has goroutines, which use all processors"},
		{p.GSO && !udp, "--gso over " + p.Target.Network, "want udp://: only datagrams are sent as trains"},
		{p.GSO && p.Sizes.Min() != p.Sizes.Max(), "--gso with datagrams of several sizes, " + p.Sizes.String(), "want one size: all datagrams of a train have it"},
		{p.GSO && !p.Rate.IsZero(), "--gso and --rate exclude each other", "omit one: a schedule sends each datagram by itself"},
		{p.GSO && p.Depth < 2, "--gso with one datagram in flight", "want --depth 2 or more, e.g. 32: they are the train"},
		{p.GSO && datagramsPerTrain(p.Sizes.Max()) < 2, fmt.Sprintf("--gso with datagrams of %d bytes", p.Sizes.Max()),
			"want less than 32 KiB: a train has 64 KiB"},
		{p.GSO && p.needsGoroutines(), "--gso with -I, -Q or -M", "omit it: there each datagram is sent by itself"},
		{p.Churn && p.Depth > 1, "--churn and --depth exclude each other", "omit --depth, because each connection has one message"},
		{p.Churn && udp, "--churn has no effect over udp", "omit --churn"},
		{p.Churn && p.ConnectRate > 0, "--churn and --connect-rate exclude each other", "want --rate, because each message has a connection"},
		{len(p.Sources) > 0 && p.Target.Network == "unix", "--source has no effect for a unix socket", "omit --source"},
		{udp && p.Sizes.Max() > maxDatagram, fmt.Sprintf("datagrams of %d bytes", p.Sizes.Max()), fmt.Sprintf("want at most %d", maxDatagram)},
		{udp && p.Sizes.Min() < headerSize, fmt.Sprintf("datagrams of %d bytes", p.Sizes.Min()),
			fmt.Sprintf("want at least %d, the size of the header", headerSize)},
	} {
		if mistake.made {
			return usage.New(mistake.got, mistake.want)
		}
	}
	return nil
}

// Scheduled returns how many messages of an open loop are due within the first d of the measurement,
// and within the whole of it at most.
func (p Plan) Scheduled(d time.Duration) int64 {
	var s schedule
	s.phase = p.Phase
	s.start(0, p.Rate)
	n := s.count(int64(p.Warmup), int64(p.Warmup+d))
	if p.Messages > 0 {
		n = min(n, p.Messages)
	}
	return n
}

// isFew reports whether the warm-up and the measurement have fewer than n messages together.
func (p Plan) isFew(n int64) bool {
	if s := p.schedule(); s != nil {
		return s.at(n-1) >= int64(p.Warmup+p.Duration)
	}
	return p.Messages > 0 && p.Messages < n
}

// datagramsPerTrain returns how many datagrams of that size a train can have.
func datagramsPerTrain(size int) int {
	trains := sock.Trains{Enabled: true}
	return trains.Most(0, size)
}

// needsGoroutines reports whether only the driver on package net can carry out p: the other one
// does not speak TLS, cannot use connections that the caller makes, and sets no options of sockets.
func (p Plan) needsGoroutines() bool {
	return p.Target.Network == "tls" || p.Target.Via != nil || p.Socket != (dial.Socket{})
}

// nothingIsDue reports whether the schedule has no message within the measurement.
func (p Plan) nothingIsDue() bool {
	s := p.schedule()
	return s != nil && s.count(int64(p.Warmup), int64(p.Warmup+p.Duration)) == 0
}

// schedule returns the schedule of an open loop that ends after a duration; nil if p is of another
// kind, or is not valid.
func (p Plan) schedule() *schedule {
	if p.Rate.IsZero() || !p.Rate.valid(MaxRate) || p.Duration <= 0 || p.Warmup < 0 || max(p.Duration, p.Warmup) > MaxTime {
		return nil
	}
	s := &schedule{phase: p.Phase}
	s.start(0, p.Rate)
	return s
}
