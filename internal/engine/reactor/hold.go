//go:build linux

package reactor

import (
	"math/bits"
	"sync/atomic"

	"echod/internal/engine"
)

// buffer is memory for bytes that were received and could not be sent.
type buffer struct {
	owed  []byte // what is left to send, a part of whole
	whole []byte
}

// store is a loop's memory for owed bytes, all of it taken from the process's
// budget.
//
// A loop receives only when it has set aside enough to hold everything that one
// receive can bring (ready). When the budget has no room for that, the bytes
// stay in the kernel; see loop.pass. So memory never runs out after the bytes
// were taken from the peer, and no stream is reset for want of it.
type store struct {
	budget *engine.Budget
	most   int  // the most that one connection may hold
	aside  bool // most bytes are set aside for the next receive
	free   [classes][]*buffer
	spare  int // bytes in free
	held   atomic.Int64
}

const (
	smallest = 12 // a class is a power of two, 4 KiB and up
	classes  = 32 - smallest
	// maxSpare is how many bytes of unused buffers a loop keeps for the next
	// one that needs them.
	maxSpare = 4 << 20
)

// ready sets the room for one receive aside, if that is not done already.
func (s *store) ready() bool {
	if !s.aside {
		s.aside = s.budget.Take(s.most)
	}
	if !s.aside && s.spare > 0 {
		s.shed(0)
		s.aside = s.budget.Take(s.most)
	}
	return s.aside
}

// hold copies rest, which is owed, into a buffer. ready came before.
func (s *store) hold(rest []byte) *buffer {
	class := classOf(len(rest))
	b := s.take(class)
	b.owed = b.whole[:copy(b.whole, rest)]
	s.held.Add(int64(len(b.whole)))
	return b
}

// take finds a buffer of the class, used or new. A new one is paid for with
// what was set aside.
func (s *store) take(class int) *buffer {
	if list := s.free[class]; len(list) > 0 {
		b := list[len(list)-1]
		s.free[class] = list[:len(list)-1]
		s.spare -= len(b.whole)
		return b
	}
	size := min(1<<(class+smallest), s.most)
	s.aside = false
	s.budget.Give(s.most - size)
	return &buffer{whole: make([]byte, size)}
}

// release takes back a buffer whose bytes are sent or lost.
func (s *store) release(b *buffer) {
	s.held.Add(-int64(len(b.whole)))
	class := classOf(len(b.whole))
	b.owed = nil
	s.free[class] = append(s.free[class], b)
	s.spare += len(b.whole)
	s.shed(maxSpare)
}

// shed gives unused buffers back to the budget until at most keep bytes of them
// are left, the largest first.
func (s *store) shed(keep int) {
	for class := classes - 1; class >= 0 && s.spare > keep; class-- {
		for len(s.free[class]) > 0 && s.spare > keep {
			list := s.free[class]
			size := len(list[len(list)-1].whole)
			list[len(list)-1] = nil
			s.free[class] = list[:len(list)-1]
			s.spare -= size
			s.budget.Give(size)
		}
	}
}

// close gives everything back.
func (s *store) close() {
	s.shed(0)
	if s.aside {
		s.aside = false
		s.budget.Give(s.most)
	}
}

// classOf is the smallest class that holds n bytes.
func classOf(n int) int {
	return max(bits.Len(uint(n-1))-smallest, 0)
}
