package memory

import (
	"math/bits"
	"sync"
)

const (
	smallest = 12 // the sizes of buffers are powers of two from 4 KiB = 1<<12 on
	sizes    = 32 - smallest
)

// Buffer is memory for one stream.
type Buffer struct {
	// Bytes is the memory. It must not be replaced.
	Bytes []byte
	// Owed is for the user of the buffer: the part of Bytes that has to be sent.
	Owed []byte

	cache *Cache
	spare bool
}

// Cache has the buffers of an event loop or of several goroutines. A buffer that was
// released last is used first, because it is most likely in the processor's caches. The
// methods may be called from any goroutine.
type Cache struct {
	pool *Pool
	most int // the size of the largest buffer

	mu       sync.Mutex
	free     [sizes][]*Buffer // spare buffers by size, in the order of their release
	fewest   [sizes]int       // the lowest length of each list since the last trim
	held     int64            // bytes of buffers in use
	spare    int64            // bytes in free
	reserved int64            // what is left of the last Reserve, at most most
	inUse    bool             // reserved memory is in use: a Reserve without Unreserve
	needed   bool             // reserved memory was in use since the last trim
	closed   bool
}

// NewCache returns a cache of buffers of up to most bytes each.
func (p *Pool) NewCache(most int) *Cache {
	c := &Cache{pool: p, most: most}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.caches = append(p.caches, c)
	return c
}

// Get returns a buffer of at least n bytes, or of the largest size if that is less. It
// returns nil if there is no memory.
func (c *Cache) Get(n int) *Buffer {
	size := sizeOf(min(n, c.most))
	c.mu.Lock()
	if list := c.free[size]; len(list) > 0 {
		b := list[len(list)-1]
		list[len(list)-1] = nil
		c.free[size] = list[:len(list)-1]
		c.fewest[size] = min(c.fewest[size], len(list)-1)
		c.spare -= int64(len(b.Bytes))
		c.held += int64(len(b.Bytes))
		b.spare = false
		c.mu.Unlock()
		return b
	}
	c.mu.Unlock()
	bytes := min(1<<(size+smallest), c.most)
	if !c.charge(int64(bytes)) {
		return nil
	}
	return &Buffer{Bytes: make([]byte, bytes), cache: c}
}

// charge counts n bytes for a new buffer: as part of the reserved memory if that is in
// use and has enough, else as new memory of the pool. It returns false if there is no memory.
func (c *Cache) charge(n int64) bool {
	p := c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	c.mu.Lock()
	reserved := c.inUse && c.reserved >= n
	if reserved {
		c.reserved -= n
		c.held += n
	}
	c.mu.Unlock()
	if reserved {
		return true
	}
	if !p.claim(n) {
		return false
	}
	c.mu.Lock()
	c.held += n
	c.mu.Unlock()
	return true
}

// Release returns b to its cache as a spare buffer. It panics if b was released before.
func (b *Buffer) Release() {
	c, n := b.cache, int64(len(b.Bytes))
	c.mu.Lock()
	if b.spare {
		c.mu.Unlock()
		panic("memory: a buffer was released twice")
	}
	b.spare, b.Owed = true, nil
	c.held -= n
	c.spare += n
	size := sizeOf(len(b.Bytes))
	c.free[size] = append(c.free[size], b)
	closed := c.closed
	c.mu.Unlock()
	if closed {
		c.Close()
	}
	c.pool.notifySpare()
}

// Reserve ensures that the next Gets succeed, as long as their buffers together have no
// more bytes than the largest buffer. It returns false if there is not enough memory, or if
// the queue has a Waiter, who comes first. The reservation ends with Unreserve. Until then
// Reserve replaces what Get has used of it.
func (c *Cache) Reserve() bool {
	p := c.pool
	most := int64(c.most)
	c.mu.Lock()
	if c.reserved == most && (c.inUse || !p.Waiting()) {
		c.inUse, c.needed = true, true
		c.mu.Unlock()
		return true
	}
	c.mu.Unlock()
	if p.Waiting() {
		return false
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	c.mu.Lock()
	p.used -= c.reserved // what is left is part of the new claim
	c.reserved = 0
	c.mu.Unlock()
	if !p.claim(most) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reserved, c.inUse, c.needed = most, true, true
	return true
}

// Unreserve makes the reserved memory spare. The next Reserve gets it at once, unless it
// was used through another cache in between.
func (c *Cache) Unreserve() {
	c.mu.Lock()
	changed := c.inUse
	c.inUse = false
	c.mu.Unlock()
	if changed {
		c.pool.notifySpare()
	}
}

// Held returns how many bytes the buffers in use have.
func (c *Cache) Held() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held
}

// Close frees all spare buffers. Buffers in use remain valid, and are freed when they are
// released.
func (c *Cache) Close() {
	p := c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inUse, c.closed = false, true
	p.used -= c.freeSpare(c.unused())
	if c.held > 0 {
		return // Release calls Close again
	}
	for i, other := range p.caches {
		if other == c {
			p.caches = append(p.caches[:i], p.caches[i+1:]...)
			break
		}
	}
}

// The methods below require that the caller holds c.mu. They return how many bytes they
// freed, which the caller subtracts from the pool's count.

// unused returns how many bytes freeSpare can free.
func (c *Cache) unused() int64 {
	if c.inUse {
		return c.spare
	}
	return c.spare + c.reserved
}

// freeSpare frees at least n bytes, the largest buffers first, or everything that is unused.
func (c *Cache) freeSpare(n int64) (freed int64) {
	for size := sizes - 1; size >= 0; size-- {
		for len(c.free[size]) > 0 && freed < n {
			freed += c.freeOldest(size, 1)
		}
	}
	if freed < n && !c.inUse {
		freed += c.reserved
		c.reserved = 0
	}
	return freed
}

// trim frees what was not needed since the last trim.
func (c *Cache) trim() (freed int64) {
	for size := range c.free {
		freed += c.freeOldest(size, c.fewest[size])
		c.fewest[size] = len(c.free[size])
	}
	if !c.needed && !c.inUse {
		freed += c.reserved
		c.reserved = 0
	}
	c.needed = false
	return freed
}

// freeOldest frees the n buffers of a size that have been spare for the longest time.
func (c *Cache) freeOldest(size, n int) (freed int64) {
	list := c.free[size]
	for _, b := range list[:n] {
		freed += int64(len(b.Bytes))
	}
	c.free[size] = append(list[:0], list[n:]...)
	clear(list[len(list)-n:])
	c.fewest[size] = min(c.fewest[size], len(list)-n)
	c.spare -= freed
	return freed
}

// sizeOf returns the smallest size, as an index, that has n bytes.
func sizeOf(n int) int {
	return max(bits.Len(uint(max(n, 1)-1))-smallest, 0)
}
