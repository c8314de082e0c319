//go:build linux

package reactor

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// newcomer is an accepted connection on its way to the loop that will serve it.
type newcomer struct {
	fd   int32
	unix bool
}

// question is something that only the loop itself can tell.
type question struct {
	answer   func() // in the loop's own turn
	answered chan struct{}
}

// mail is how others reach a loop while it sleeps in its poller: they leave
// word and write to an eventfd(2) that the poller watches.
type mail struct {
	loop *loop
	fd   int

	mu        sync.Mutex
	rung      bool // the eventfd was written to since it was last read
	closed    bool
	newcomers []newcomer
	questions []question
	fetched   []newcomer // the other half of a double buffer, so that handing over allocates nothing
	word      [8]byte
}

func (m *mail) open(l *loop) error {
	fd, errno := l.k.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if errno != 0 {
		return os.NewSyscallError("eventfd", errno)
	}
	m.loop, m.fd = l, fd
	if err := l.watch(fd, m); err != nil {
		l.k.Close(fd)
		return fmt.Errorf("mail: %w", err)
	}
	return nil
}

// hand gives n to the loop. from is the loop that calls: to itself it hands
// without a detour.
func (l *loop) hand(from *loop, n newcomer) {
	l.load.Add(1)
	l.count.Active.Add(1)
	if l == from {
		l.adopt(n)
		return
	}
	l.mail.mu.Lock()
	defer l.mail.mu.Unlock()
	l.mail.newcomers = append(l.mail.newcomers, n)
	l.mail.ring()
}

// wake makes the loop turn.
func (m *mail) wake() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ring()
}

// pulse returns a channel that is closed when the loop has turned.
func (m *mail) pulse() <-chan struct{} { return m.ask(func() {}) }

// ask has the loop do answer in its own turn, and returns a channel that is
// closed when it has, or when it has ended and never will.
func (m *mail) ask(answer func()) <-chan struct{} {
	q := question{answer, make(chan struct{})}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		close(q.answered)
		return q.answered
	}
	m.questions = append(m.questions, q)
	m.ring()
	return q.answered
}

// ring writes to the eventfd, once until the loop has looked. An eventfd that
// is full, or a call that was interrupted, has the same effect or is repeated.
func (m *mail) ring() {
	if m.rung || m.closed {
		return
	}
	m.rung = true
	one := [8]byte{0: 1, 7: 1} // not 0 in either byte order
	for {
		if _, errno := m.loop.k.Write(m.fd, one[:]); errno != unix.EINTR {
			return
		}
	}
}

// ready takes in what was left.
func (m *mail) ready(l *loop) {
	m.mu.Lock()
	l.k.Read(m.fd, m.word[:])
	m.rung = false
	questions := m.questions
	m.questions = nil
	m.mu.Unlock()
	m.deliver(l)
	for _, q := range questions {
		q.answer()
		close(q.answered)
	}
}

// deliver adopts whoever was handed over.
func (m *mail) deliver(l *loop) {
	m.mu.Lock()
	m.newcomers, m.fetched = m.fetched[:0], m.newcomers
	m.mu.Unlock()
	for _, n := range m.fetched {
		l.adopt(n)
	}
}

// hush ends the mail of a loop that turns no more, though others may: nobody is
// left waiting for an answer.
func (m *mail) hush() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	for _, q := range m.questions {
		close(q.answered)
	}
	m.questions = nil
}

// close gives back what the mail holds.
func (m *mail) close(l *loop) {
	m.hush()
	l.poller.Remove(m.fd)
	l.k.Close(m.fd)
}
