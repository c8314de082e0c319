// Package memory limits and reuses the memory for owed bytes: the limit of a process
// (Pool), its buffers (Cache, Buffer), and the queue for memory when all of it is in use
// (Waiter). It does no I/O and starts no goroutine.
//
// Memory is held while a stream uses it, reserved while a stream is about to use it, and
// spare otherwise. The three together never exceed the limit. Spare memory of any cache
// can be used through every other cache, so a request fails only if all memory is held
// or reserved.
package memory

import (
	"sync"
	"sync/atomic"
)

// Pool is the memory of a process. Its methods may be called from any goroutine.
type Pool struct {
	limit    int64
	onSpare  func()
	trimming atomic.Bool  // onSpare was called, and Trim has not returned 0 since
	waiters  atomic.Int32 // the length of queue

	mu     sync.Mutex // locked before the mu of a Cache; only with it, those of several caches
	used   int64      // held, spare and reserved, in all caches
	caches []*Cache
	queue  []*Waiter
}

// NewPool returns a pool of limit bytes, none of them in use. The pool calls onSpare once
// when it has spare memory. The owner must then call Trim at intervals until it returns
// 0; after that the pool calls onSpare again. onSpare may be nil.
func NewPool(limit int64, onSpare func()) *Pool {
	if onSpare == nil {
		onSpare = func() {}
	}
	return &Pool{limit: limit, onSpare: onSpare}
}

// Held returns how many bytes are in use.
func (p *Pool) Held() int64 { return p.sum(func(c *Cache) int64 { return c.held }) }

// Spare returns how many bytes are kept for the next use.
func (p *Pool) Spare() int64 { return p.sum((*Cache).unused) }

// sum adds up all caches at one moment: a stream that releases a buffer of one cache and then gets
// one of another must not count twice.
func (p *Pool) sum(of func(*Cache) int64) (n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.caches {
		c.mu.Lock()
		n += of(c)
	}
	for _, c := range p.caches {
		c.mu.Unlock()
	}
	return n
}

// Trim frees the spare memory that was not needed since the last Trim. It returns how
// many spare bytes are left.
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
	p.trimming.Store(false)
	// For buffers that were released since they were counted, onSpare was not called.
	if left = p.Spare(); left > 0 && !p.trimming.CompareAndSwap(false, true) {
		return 0 // onSpare was called meanwhile
	}
	return left
}

// claim counts n more bytes as used. It frees spare memory if the limit requires it. It
// returns false if there is not enough. The caller holds mu.
func (p *Pool) claim(n int64) bool {
	for _, c := range p.caches {
		if p.used+n <= p.limit {
			break
		}
		c.mu.Lock()
		p.used -= c.freeSpare(p.used + n - p.limit)
		c.mu.Unlock()
	}
	if p.used+n > p.limit {
		return false
	}
	p.used += n
	return true
}

// notifySpare calls onSpare and wakes the first Waiter, if necessary. There is more spare
// memory.
func (p *Pool) notifySpare() {
	if !p.trimming.Load() && p.trimming.CompareAndSwap(false, true) {
		p.onSpare()
	}
	if p.waiters.Load() > 0 {
		p.mu.Lock()
		p.wakeFirst()
		p.mu.Unlock()
	}
}

// Waiter is a position in the queue for memory.
type Waiter struct {
	pool  *Pool
	woken chan struct{}
}

// Wait joins the end of the queue for memory. The caller must try again at once, because
// memory may have been released before it joined, and then each time that Woken receives.
// It must call Leave in the end, with or without memory.
func (p *Pool) Wait() *Waiter {
	w := &Waiter{pool: p, woken: make(chan struct{}, 1)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, w)
	p.waiters.Add(1)
	return w
}

// Waiting reports whether the queue for memory has any Waiter.
func (p *Pool) Waiting() bool { return p.waiters.Load() > 0 }

// Woken receives when memory was released and w is the first in the queue.
func (w *Waiter) Woken() <-chan struct{} { return w.woken }

// Leave leaves the queue. It wakes the next Waiter: there may be memory left.
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
		default: // it was woken before
		}
	}
}
