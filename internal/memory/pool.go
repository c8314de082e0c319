// Package memory is the user memory that streams may hold bytes in: how much all
// of them may have together (Pool), the buffers that somebody uses and those
// that are spare (Cache, Buffer), and waiting for more (Waiter). It does no I/O
// and starts no goroutine; what it costs apart from bookkeeping is make([]byte).
//
// Memory is held while a stream uses it, spare while nobody does, and reserved
// while somebody is about to use it. The three together never exceed the limit.
// Spare memory belongs to the process: whoever lacks memory takes it from any
// cache, so nobody is refused while there is spare memory.
package memory

import (
	"sync"
	"sync/atomic"
)

// Pool is the memory of a process. Its methods may be called from any goroutine.
type Pool struct {
	limit   int64
	onSpare func()
	armed   atomic.Bool  // onSpare was called, and Trim has not returned 0 since
	waiters atomic.Int32 // the length of queue

	mu     sync.Mutex // taken before the mu of a Cache
	used   int64      // held, spare and reserved, in all caches
	caches []*Cache
	queue  []*Waiter
}

// NewPool returns a pool of limit bytes, none of which is used. When there is
// spare memory, onSpare is called, once: from then on Trim is to be called now
// and then until it returns 0. It may be nil, if somebody calls Trim anyway.
func NewPool(limit int64, onSpare func()) *Pool {
	if onSpare == nil {
		onSpare = func() {}
	}
	return &Pool{limit: limit, onSpare: onSpare}
}

// Held is how many bytes are in use.
func (p *Pool) Held() int64 { return p.sum(func(c *Cache) int64 { return c.held }) }

// Spare is how many bytes nobody uses and whoever needs them gets.
func (p *Pool) Spare() int64 { return p.sum((*Cache).unused) }

func (p *Pool) sum(of func(*Cache) int64) (n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.caches {
		c.mu.Lock()
		n += of(c)
		c.mu.Unlock()
	}
	return n
}

// Trim frees the spare memory that nobody has needed since it was last called,
// and returns how much is left.
func (p *Pool) Trim() (left int64) {
	p.mu.Lock()
	for _, c := range p.caches {
		c.mu.Lock()
		p.used -= c.trim()
		left += c.unused()
		c.mu.Unlock()
	}
	p.mu.Unlock()
	if left > 0 {
		return left
	}
	p.armed.Store(false)
	// Buffers that came back since they were counted armed nothing.
	if left = p.Spare(); left > 0 && !p.armed.CompareAndSwap(false, true) {
		return 0 // another one has armed it meanwhile
	}
	return left
}

// claim takes n bytes of the limit, and spare memory for it if it must. The
// caller holds mu.
func (p *Pool) claim(n int64) bool {
	for _, c := range p.caches {
		if p.used+n <= p.limit {
			break
		}
		c.mu.Lock()
		p.used -= c.shed(p.used + n - p.limit)
		c.mu.Unlock()
	}
	if p.used+n > p.limit {
		return false
	}
	p.used += n
	return true
}

// cameBack tells whoever has to know that there is more spare memory.
func (p *Pool) cameBack() {
	if !p.armed.Load() && p.armed.CompareAndSwap(false, true) {
		p.onSpare()
	}
	if p.waiters.Load() > 0 {
		p.mu.Lock()
		p.wakeFirst()
		p.mu.Unlock()
	}
}

// Waiter is a place in the queue of those who were refused memory.
type Waiter struct {
	pool  *Pool
	woken chan struct{}
}

// Wait takes the last place in the queue. Who has it tries again to get memory,
// once at first, since some may have come back before there was a place, and then
// whenever Woken says so, and calls Leave at the end, with or without memory.
func (p *Pool) Wait() *Waiter {
	w := &Waiter{pool: p, woken: make(chan struct{}, 1)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, w)
	p.waiters.Add(1)
	return w
}

// Waiting reports whether anybody waits.
func (p *Pool) Waiting() bool { return p.waiters.Load() > 0 }

// Woken receives when memory has come back, and the waiter is the first.
func (w *Waiter) Woken() <-chan struct{} { return w.woken }

// Leave gives up the place. The next one is woken: there may be memory left.
func (w *Waiter) Leave() {
	p := w.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, other := range p.queue {
		if other == w {
			p.queue = append(p.queue[:i], p.queue[i+1:]...)
			p.waiters.Add(-1)
			break
		}
	}
	p.wakeFirst()
}

func (p *Pool) wakeFirst() {
	if len(p.queue) > 0 {
		select {
		case p.queue[0].woken <- struct{}{}:
		default: // it is awake
		}
	}
}
