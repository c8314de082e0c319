package memory

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

const kib = 1 << 10

// model makes the same calls as a pool, counts for itself, and compares.
type model struct {
	t        *testing.T
	pool     *Pool
	limit    int64
	caches   []*Cache
	most     []int64
	reserved []int64 // what is left of the reservation of each cache
	held     []*Buffer
}

func newModel(t *testing.T, limit int64, most ...int) *model {
	m := &model{t: t, pool: NewPool(limit, nil), limit: limit}
	for _, n := range most {
		m.caches = append(m.caches, m.pool.NewCache(n))
		m.most, m.reserved = append(m.most, int64(n)), append(m.reserved, 0)
	}
	return m
}

// taken returns what is held or reserved. All other memory must be available.
func (m *model) taken() (n int64) {
	for _, b := range m.held {
		n += int64(len(b.Bytes))
	}
	for _, left := range m.reserved {
		n += left
	}
	return n
}

func (m *model) get(cache, n int) {
	m.t.Helper()
	c := m.caches[cache]
	need := min(int64(1)<<(sizeOf(min(n, c.most))+smallest), int64(c.most))
	reserved := m.reserved[cache] >= need
	possible := reserved || m.taken()+need <= m.limit
	before := m.pool.Spare()
	b := c.Get(n)
	if (b != nil) != possible {
		m.t.Fatalf("Get(%d) with %d of %d taken: got %v, want a buffer: %v", n, m.taken(), m.limit, b != nil, possible)
	}
	if b == nil {
		return
	}
	if int64(len(b.Bytes)) != need {
		m.t.Fatalf("Get(%d): got %d bytes, want %d", n, len(b.Bytes), need)
	}
	if reserved && m.pool.Spare() == before { // a spare buffer does not use the reserved memory
		m.reserved[cache] -= need
	}
	for _, other := range m.held {
		if other == b || &other.Bytes[0] == &b.Bytes[0] {
			m.t.Fatal("one buffer has two users")
		}
	}
	m.held = append(m.held, b)
}

func (m *model) release(i int) {
	if len(m.held) > 0 {
		i %= len(m.held)
		m.held[i].Release()
		m.held = append(m.held[:i], m.held[i+1:]...)
	}
}

func (m *model) reserve(cache int) {
	m.t.Helper()
	possible := m.taken()-m.reserved[cache]+m.most[cache] <= m.limit
	if got := m.caches[cache].Reserve(); got != possible {
		m.t.Fatalf("Reserve with %d of %d taken: got %v, want %v", m.taken(), m.limit, got, possible)
	}
	m.reserved[cache] = 0
	if possible {
		m.reserved[cache] = m.most[cache]
	}
}

func (m *model) unreserve(cache int) {
	m.caches[cache].Unreserve()
	m.reserved[cache] = 0
}

// check compares the numbers of the pool with the model.
func (m *model) check() {
	m.t.Helper()
	var held int64
	for _, b := range m.held {
		held += int64(len(b.Bytes))
	}
	if got := m.pool.Held(); got != held {
		m.t.Fatalf("held: got %d, want %d", got, held)
	}
	if total := m.taken() + m.pool.Spare(); total != m.pool.used || total > m.limit {
		m.t.Fatalf("held, reserved and spare: got %d, the pool counts %d, want no more than %d", total, m.pool.used, m.limit)
	}
}

// finish ends all use and checks that no memory is left in use.
func (m *model) finish() {
	m.t.Helper()
	for len(m.held) > 0 {
		m.release(0)
	}
	for i := range m.caches {
		m.unreserve(i)
	}
	m.check()
	m.pool.Trim()
	if left := m.pool.Trim(); left != 0 || m.pool.used != 0 {
		m.t.Fatalf("after all were idle for two trims: got %d spare and %d used, want 0 and 0", left, m.pool.used)
	}
}

func FuzzPool(f *testing.F) {
	f.Add(uint16(64), []byte{0, 9, 0, 9, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 0, 200})
	f.Add(uint16(20), []byte{2, 0, 0, 250, 3, 0, 2, 1, 0, 1, 1, 3, 4, 4})
	f.Fuzz(func(t *testing.T, limit uint16, script []byte) {
		m := newModel(t, int64(limit)*kib/2, 64*kib, 10*kib, 2*kib)
		for i := 0; i+1 < len(script); i += 2 {
			arg := int(script[i+1])
			cache := arg % len(m.caches)
			switch script[i] % 6 {
			case 0, 1:
				m.get(cache, arg*arg+1)
			case 2:
				m.release(arg)
			case 3:
				m.reserve(cache)
			case 4:
				m.unreserve(cache)
			case 5:
				m.pool.Trim()
			}
			m.check()
		}
		m.finish()
	})
}

func TestABufferReleasedTwicePanics(t *testing.T) {
	b := NewPool(kib*8, nil).NewCache(kib * 4).Get(1)
	b.Release()
	defer func() {
		if recover() == nil {
			t.Error("the second Release of a buffer: got no panic")
		}
	}()
	b.Release()
}

// Get fails only while all memory is held or reserved.
func TestSpareMemoryIsTakenFromAnyCache(t *testing.T) {
	m := newModel(t, 64*kib, 64*kib, 64*kib)
	m.get(0, 64*kib)
	m.get(1, 1) // refused
	m.release(0)
	m.get(1, 1)
	m.get(1, 1)
	m.check()
	m.finish()
}

func TestClosedCacheKeepsNothing(t *testing.T) {
	m := newModel(t, 64*kib, 16*kib)
	c := m.caches[0]
	m.get(0, 1)
	m.get(0, 8*kib)
	m.release(0)
	m.reserve(0)
	c.Close()
	if m.pool.used != 8*kib || m.pool.Held() != 8*kib {
		t.Errorf("with a buffer in use: got %d used and %d held, want 8 KiB", m.pool.used, m.pool.Held())
	}
	m.release(0)
	if m.pool.used != 0 || len(m.pool.caches) != 0 {
		t.Errorf("at the end: got %d used and %d caches, want 0 and 0", m.pool.used, len(m.pool.caches))
	}
}

func TestWaitersAreServedInOrder(t *testing.T) {
	synctest.Test(t, waitersAreServedInOrder) // in which a deadlock fails the test
}

func waitersAreServedInOrder(t *testing.T) {
	p := NewPool(4*kib, nil)
	c := p.NewCache(4 * kib)
	held := c.Get(1)
	first, second := p.Wait(), p.Wait()
	if c.Get(1) != nil {
		t.Fatal("got a buffer while all memory is held")
	}
	held.Release()
	<-first.Woken()
	select {
	case <-second.Woken():
		t.Error("the second waiter is woken before the first has left")
	default:
	}
	held = c.Get(1)
	first.Leave()
	<-second.Woken() // there may be more
	if c.Get(1) != nil {
		t.Fatal("got a buffer while all memory is held")
	}
	held.Release()
	<-second.Woken()
	second.Leave()
	if p.Waiting() {
		t.Error("got a waiter after all have left")
	}
}

// An event loop reserves memory in each iteration. If it took the memory again at once, a
// waiter that runs on another processor would come too late each time.
func TestReserveLeavesMemoryToWaiters(t *testing.T) {
	p := NewPool(4*kib, nil)
	loop, other := p.NewCache(4*kib), p.NewCache(4*kib)
	loop.Reserve()
	waiter := p.Wait()
	if other.Get(1) != nil {
		t.Error("got a buffer while all memory is reserved")
	}
	if !loop.Reserve() {
		t.Error("got no memory while it is reserved already")
	}
	loop.Unreserve()
	<-waiter.Woken()
	if loop.Reserve() {
		t.Error("reserved memory that another one waits for")
	}
	b := other.Get(1)
	if b == nil {
		t.Fatal("the waiter got no buffer")
	}
	waiter.Leave()
	b.Release()
	if !loop.Reserve() {
		t.Error("got no memory after the waiter has left")
	}
}

// TestOnSpareIsCalledOnce checks that Trim is needed only while there is spare memory.
func TestOnSpareIsCalledOnce(t *testing.T) {
	calls := 0
	p := NewPool(64*kib, func() { calls++ })
	c := p.NewCache(4 * kib)
	for range 3 {
		c.Get(1).Release()
	}
	if calls != 1 {
		t.Errorf("onSpare: got %d calls, want 1", calls)
	}
	for p.Trim() > 0 {
	}
	c.Get(1).Release()
	if calls != 2 {
		t.Errorf("onSpare after the last Trim: got %d calls in all, want 2", calls)
	}
}

// TestManyGoroutinesShareOnePool has goroutines that get, write, release and wait.
func TestManyGoroutinesShareOnePool(t *testing.T) {
	const users, rounds, limit = 16, 2000, 40 * kib
	p := NewPool(limit, nil)
	caches := []*Cache{p.NewCache(16 * kib), p.NewCache(16 * kib), p.NewCache(8 * kib)}
	var all sync.WaitGroup
	var now atomic.Int64
	for u := range users {
		all.Go(func() {
			c := caches[u%len(caches)]
			for i := range rounds {
				var b *Buffer
				w := p.Wait()
				for b = c.Get(1 + (i*7919)%(16*kib)); b == nil; b = c.Get(4 * kib) {
					<-w.Woken()
				}
				w.Leave()
				if held := now.Add(int64(len(b.Bytes))); held > limit {
					t.Errorf("held: got %d, want at most %d", held, limit)
				}
				b.Bytes[0], b.Bytes[len(b.Bytes)-1] = byte(u), byte(u)
				if i%50 == 0 {
					p.Trim()
				}
				if b.Bytes[0] != byte(u) || b.Bytes[len(b.Bytes)-1] != byte(u) {
					t.Error("one buffer has two users")
				}
				now.Add(-int64(len(b.Bytes)))
				b.Release()
			}
		})
	}
	all.Wait()
	if p.Held() != 0 || p.Waiting() {
		t.Errorf("at the end: got %d held, waiting %v; want 0, false", p.Held(), p.Waiting())
	}
}

// TestHeldIsOfOneMoment: one user, who uses one cache after the other, never holds two buffers.
func TestHeldIsOfOneMoment(t *testing.T) {
	p := NewPool(64*kib, nil)
	first, second := p.NewCache(4*kib), p.NewCache(4*kib)
	var done atomic.Bool
	var user sync.WaitGroup
	user.Go(func() {
		for !done.Load() {
			first.Get(4 * kib).Release()
			second.Get(4 * kib).Release()
		}
	})
	for range 500_000 {
		if n := p.Held(); n > 4*kib {
			t.Errorf("got %d held, want at most %d", n, 4*kib)
			break
		}
	}
	done.Store(true)
	user.Wait()
}

func BenchmarkGetRelease(b *testing.B) {
	c := NewPool(64*kib, nil).NewCache(4 * kib)
	for b.Loop() {
		c.Get(1).Release()
	}
}
