package echotest

import (
	"slices"
	"sync"
	"time"
)

// pipe holds what one side has sent and the other side has not yet been sent, and makes
// it wait as the way says. One goroutine pushes, another one calls run.
type pipe struct {
	way   Way
	pacer *pacer

	mu      sync.Mutex
	changed sync.Cond
	queue   []queued
	held    int           // bytes in queue, and in what is being sent
	sending time.Time     // when that was passed to send; zero if there is nothing
	slowest time.Duration // of the calls of send
	ended   bool          // nothing more is pushed
	stored  bool          // StoresUntilFIN: still storing
	stopped chan struct{}
}

// queued is a chunk in a pipe: bytes of a stream, or a datagram.
type queued struct {
	data      []byte
	due       time.Time // when it has reached the other side
	otherPort bool
	end       bool // nothing is sent: the pipe ends when this is due
}

// pacer spaces the bytes of all pipes in one direction of a relay, which share a rate.
type pacer struct {
	mu   sync.Mutex
	free time.Time // when the rate allows the next byte
}

// after returns when n more bytes have passed.
func (p *pacer) after(n, rate int) time.Time {
	now := time.Now()
	if rate == 0 {
		return now
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(time.Duration(int64(n) * int64(time.Second) / int64(rate)))
	return p.free
}

// newPipe returns an empty pipe. window is the default of way.Window.
func newPipe(way Way, window int, shared *pacer) *pipe {
	if way.Window == 0 {
		way.Window = window
	}
	p := &pipe{way: way, pacer: shared, stored: way.StoresUntilFIN, stopped: make(chan struct{})}
	p.changed.L = &p.mu
	return p
}

// chunkSize is how much to read at once, so that a slow way moves in small steps.
func (p *pipe) chunkSize() int {
	size := min(32<<10, p.way.Window)
	if p.way.Rate > 0 {
		size = min(size, max(1460, p.way.Rate/20))
	}
	return size
}

// push appends a copy of data, which waits for hold in addition to the delay of the way.
// While the window is used up it blocks. It returns false if the pipe was stopped.
func (p *pipe) push(data []byte, hold time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.full(len(data)) && !p.ended {
		p.stored = false
		p.changed.Broadcast()
		p.changed.Wait()
	}
	return p.add(data, hold, false)
}

// offer is push for a datagram: it drops it if the window is used up.
func (p *pipe) offer(data []byte, hold time.Duration, otherPort bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.full(len(data)) {
		p.add(data, hold, otherPort)
	}
}

// full reports whether the window has no room for n bytes. p.mu is held.
func (p *pipe) full(n int) bool { return p.held > 0 && p.held+n > p.way.Window }

// add appends a copy of data. p.mu is held.
func (p *pipe) add(data []byte, hold time.Duration, otherPort bool) bool {
	if p.ended {
		return false
	}
	p.queue = append(p.queue, queued{data: slices.Clone(data), due: p.arrival(len(data)).Add(hold), otherPort: otherPort})
	p.held += len(data)
	p.changed.Broadcast()
	return true
}

// arrival returns when n bytes that were received now reach the other side: each byte
// waits until the rate allows it, and then for the delay.
func (p *pipe) arrival(n int) time.Time {
	return p.pacer.after(n, p.way.Rate).Add(p.way.Delay)
}

// end ends the pipe: run returns when everything is sent, and the delay has passed.
func (p *pipe) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.queue = append(p.queue, queued{due: p.arrival(0), end: true})
	}
	p.ended, p.stored = true, false
	p.changed.Broadcast()
}

// stop drops what the pipe holds. It may be called more than once.
func (p *pipe) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.stopped:
		return
	default:
	}
	close(p.stopped)
	p.queue, p.held, p.ended = nil, 0, true
	p.changed.Broadcast()
}

// next removes and returns the first chunk when it is due. It returns false when there
// is none any more.
func (p *pipe) next() (queued, bool) {
	p.mu.Lock()
	for !p.ended && (len(p.queue) == 0 || p.stored) {
		p.changed.Wait()
	}
	if len(p.queue) == 0 { // stopped
		p.mu.Unlock()
		return queued{}, false
	}
	first := p.queue[0]
	p.queue = p.queue[1:]
	p.mu.Unlock()
	if wait := time.Until(first.due); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-p.stopped:
			return queued{}, false
		}
	}
	return first, !first.end
}

// run calls send for each chunk when it is due, until the pipe has ended or stopped,
// or send fails. It then stops the pipe.
func (p *pipe) run(send func(queued) error) error {
	defer p.stop()
	for {
		next, ok := p.next()
		if !ok {
			return nil
		}
		p.mu.Lock()
		p.sending = time.Now()
		p.mu.Unlock()
		err := send(next)
		p.mu.Lock()
		p.slowest = max(p.slowest, time.Since(p.sending))
		p.sending = time.Time{}
		p.held = max(0, p.held-len(next.data)) // 0 after stop
		p.changed.Broadcast()
		p.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// busy reports whether the pipe holds bytes.
func (p *pipe) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held > 0
}

// stuck reports whether one call of send has taken longer than limit.
func (p *pipe) stuck(limit time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.slowest > limit || !p.sending.IsZero() && time.Since(p.sending) > limit
}
