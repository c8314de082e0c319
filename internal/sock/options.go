package sock

import (
	"time"

	"echod/internal/accept"
)

// Options are the socket options that listeners set and accepted sockets
// inherit. SO_LINGER {1, 0} and SO_OOBINLINE are not among them, because they
// are not optional: the first makes every early end a reset, the second keeps
// urgent data in line.
type Options struct {
	KeepAlive KeepAlive
}

// KeepAlive is how dead peers are found on streams that have nothing to say:
// after Idle, a probe each Interval, and Count unanswered ones end it
// (tcp(7), TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT). Whole seconds.
type KeepAlive struct {
	Idle     time.Duration
	Interval time.Duration
	Count    int
}

// DefaultKeepAlive finds a dead peer after two minutes.
var DefaultKeepAlive = KeepAlive{Idle: 60 * time.Second, Interval: 15 * time.Second, Count: 4}

// Backlog is how many connections may be queued for accept. The kernel lowers
// it to net.core.somaxconn.
const Backlog = accept.MaxQueue
