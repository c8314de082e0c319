package memory

import (
	"math/bits"
	"sync"
)

const (
	smallest = 12 // the sizes are powers of two from 4 KiB on
	sizes    = 32 - smallest
)

// Buffer is memory that one user has.
type Buffer struct {
	// Bytes are all of it. Nobody is to replace them.
	Bytes []byte
	// Owed is for the user: the part of Bytes that is still to be sent.
	Owed []byte

	cache *Cache
	spare bool
}

// Cache is where an event loop, or a number of goroutines, take their buffers
// from: those that came back last are taken first. Its methods may be called
// from any goroutine.
type Cache struct {
	pool *Pool
	most int // the largest buffer

	mu       sync.Mutex
	free     [sizes][]*Buffer // by size, the last one that came back at the end
	fewest   [sizes]int       // how many there were at least, since trim
	held     int64            // bytes of buffers in use
	spare    int64            // bytes in free
	reserved int64            // most, or nothing
	inUse    bool             // what is reserved is
	needed   bool             // it was, since trim
	closed   bool
}

// NewCache returns a cache of buffers of at most most bytes each.
func (p *Pool) NewCache(most int) *Cache {
	c := &Cache{pool: p, most: most}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.caches = append(p.caches, c)
	return c
}

// Get returns a buffer of at least n bytes, or of the most there may be if that
// is less; nil if there is no memory.
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
	if !c.pay(int64(bytes)) {
		return nil
	}
	return &Buffer{Bytes: make([]byte, bytes), cache: c}
}

// pay takes n bytes for a buffer: of what is reserved and in use, or else of the
// pool's.
func (c *Cache) pay(n int64) bool {
	p := c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	c.mu.Lock()
	reserved := c.inUse
	if reserved {
		p.used -= c.reserved - n
		c.reserved, c.inUse = 0, false
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

// Give gives a buffer back to where it came from. It is spare then. To give it
// twice is a mistake of the program, and panics.
func (b *Buffer) Release() {
	c, n := b.cache, int64(len(b.Bytes))
	c.mu.Lock()
	if b.spare {
		c.mu.Unlock()
		panic("memory: a buffer was given back twice")
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
	c.pool.cameBack()
}

// Reserve makes sure that the next Get succeeds, whatever it asks for. False:
// there is not so much memory. It ends with that Get or with Unreserve.
func (c *Cache) Reserve() bool {
	c.mu.Lock()
	if c.reserved > 0 {
		c.inUse, c.needed = true, true
		c.mu.Unlock()
		return true
	}
	c.mu.Unlock()

	p := c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.claim(int64(c.most)) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reserved, c.inUse, c.needed = int64(c.most), true, true
	return true
}

// Unreserve makes what is still reserved spare memory: the next Reserve has it,
// unless somebody else has needed it.
func (c *Cache) Unreserve() {
	c.mu.Lock()
	changed := c.inUse
	c.inUse = false
	c.mu.Unlock()
	if changed {
		c.pool.cameBack()
	}
}

// Held is how many bytes its buffers in use have.
func (c *Cache) Held() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held
}

// Close frees all that is spare, now and later. Buffers in use stay good, and
// are freed when they are given back.
func (c *Cache) Close() {
	p := c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inUse, c.closed = false, true
	p.used -= c.shed(c.unused())
	if c.held > 0 {
		return // it is still to be counted
	}
	for i, other := range p.caches {
		if other == c {
			p.caches = append(p.caches[:i], p.caches[i+1:]...)
			break
		}
	}
}

// What follows wants c.mu held. What it frees, in bytes, it returns: the pool
// counts it.

// unused is how many bytes shed could free.
func (c *Cache) unused() int64 {
	if c.inUse {
		return c.spare
	}
	return c.spare + c.reserved
}

// shed frees at least n bytes, the largest buffers first, or all that are unused.
func (c *Cache) shed(n int64) (freed int64) {
	for size := sizes - 1; size >= 0; size-- {
		for len(c.free[size]) > 0 && freed < n {
			freed += c.drop(size, 1)
		}
	}
	if freed < n && !c.inUse {
		freed += c.reserved
		c.reserved = 0
	}
	return freed
}

// trim frees what was not needed since the last time.
func (c *Cache) trim() (freed int64) {
	for size := range c.free {
		freed += c.drop(size, c.fewest[size])
		c.fewest[size] = len(c.free[size])
	}
	if !c.needed && !c.inUse {
		freed += c.reserved
		c.reserved = 0
	}
	c.needed = false
	return freed
}

// drop frees the n buffers of a size that have been spare for longest.
func (c *Cache) drop(size, n int) (freed int64) {
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

// sizeOf is the smallest size that has n bytes.
func sizeOf(n int) int {
	return max(bits.Len(uint(max(n, 1)-1))-smallest, 0)
}
