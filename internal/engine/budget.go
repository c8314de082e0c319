package engine

import (
	"time"

	"echod/internal/accept"
	"echod/internal/memory"
)

// Limits are the limits of a whole process. The zero value means the defaults.
type Limits struct {
	// MaxConns is how many streams may be open at once; at the limit listeners
	// rest and the kernel's backlog waits. 0 means the descriptors the process
	// may have, less SpareFDs.
	MaxConns int
	// MaxConnsPerIP is how many of them one address may have, IPv6 counted by
	// /64. Over it a stream is reset on arrival. 0 means no such limit.
	MaxConnsPerIP int
	// MaxMemory is how many bytes of owed data user memory may hold for all
	// streams together, spare buffers included. Default 256 MiB. When it is used
	// up, engines leave the bytes in the kernel.
	MaxMemory int64
}

const (
	// DefaultMaxMemory is Limits.MaxMemory's default.
	DefaultMaxMemory = 256 << 20
	// SpareFDs are left of the process's descriptors for everything that is
	// no stream: listeners, pollers, logs.
	SpareFDs = 64
)

// Budget is what is left of the Limits. All engines of a process share one; its
// methods may be called from any goroutine.
type Budget struct {
	// Places are the connections that may be open.
	Places *accept.Places

	limits Limits
	pool   *memory.Pool
}

// NewBudget returns a budget of which nothing is used.
func NewBudget(l Limits) *Budget {
	if l.MaxConns == 0 {
		l.MaxConns = max(maxDescriptors()-SpareFDs, 1)
	}
	if l.MaxMemory == 0 {
		l.MaxMemory = DefaultMaxMemory
	}
	b := &Budget{Places: accept.NewPlaces(l.MaxConns, l.MaxConnsPerIP), limits: l}
	b.pool = memory.NewPool(l.MaxMemory, b.trimLater)
	// Go's runtime opens its network poller with the first timer, and the process ends
	// if there is no descriptor for that. Now there is one.
	time.AfterFunc(trimEvery, func() {}).Stop()
	return b
}

// Limits are the limits in force, defaults filled in.
func (b *Budget) Limits() Limits { return b.limits }

// Pool returns the memory for owed bytes. Spare buffers count as used by nobody: see
// package memory.
func (b *Budget) Pool() *memory.Pool { return b.pool }

// Memory returns how many bytes of it are in use now.
func (b *Budget) Memory() int64 { return b.pool.Held() }

// trimEvery is how often unused buffers are looked for: what nobody has needed for so
// long is freed.
const trimEvery = time.Second

// trimLater frees spare buffers, after a while and until there are none left.
func (b *Budget) trimLater() {
	time.AfterFunc(trimEvery, func() {
		if b.pool.Trim() > 0 {
			b.trimLater()
		}
	})
}
