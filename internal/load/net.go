package load

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"echod/internal/dial"
)

// netDriver moves messages with the net package: three goroutines a connection.
// It knows every network and every platform.
type netDriver struct {
	*course
	slots []*netSlot
}

// netSlot is the place of one connection, and of those that follow it when it
// fails. It is told of messages by push, from any goroutine.
type netSlot struct {
	*netDriver
	id     int
	random *rand.Rand // of this slot
	out    []byte     // where datagrams are written
	first  net.Conn   // that open made; nil if it failed

	mu      sync.Mutex
	more    *sync.Cond // there is more to send, or the connection has ended
	flow    flow
	packets datagramFlow
	waiting queue // of churn: messages that have no connection yet
	conn    net.Conn
	ended   bool // the connection, not the slot
	class   dial.Class
}

func newNetDriver(c *course) (driver, error) {
	d := &netDriver{course: c}
	for id := range c.Conns {
		s := &netSlot{netDriver: d, id: id, random: rand.New(rand.NewPCG(c.Seed, uint64(id)))}
		s.more = sync.NewCond(&s.mu)
		if c.Target.Network == "udp" {
			s.out = make([]byte, c.Sizes.Max())
		}
		d.slots = append(d.slots, s)
	}
	return d, nil
}

// atOnce is how many connects may be under way.
const atOnce = 128

func (d *netDriver) open(ctx context.Context) {
	if d.Churn {
		return // its connections are part of the load
	}
	var opening sync.WaitGroup
	places := make(chan struct{}, atOnce)
	begun := time.Now()
	for i, s := range d.slots {
		if d.ConnectRate > 0 {
			due := begun.Add(time.Duration(float64(i) / d.ConnectRate * 1e9))
			if !pause(ctx, time.Until(due)) {
				break
			}
		}
		places <- struct{}{}
		opening.Go(func() {
			s.first, _ = s.dial(ctx)
			<-places
		})
	}
	opening.Wait()
}

// dial makes a connection and counts how long that took.
func (s *netSlot) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	target := s.Target
	if target.Network != "unix" {
		target.Address = s.peer.addr.String()
		target.TLS = named(s.Target)
	}
	if n := len(s.Sources); n > 0 {
		target.Source = s.Sources[s.id%n]
	}
	begun := time.Now()
	conn, err := target.Dial(ctx)
	if err == nil {
		s.tally.connected(time.Since(begun))
	}
	return conn, err
}

func (d *netDriver) drive(ctx context.Context) {
	var working sync.WaitGroup
	for _, s := range d.slots {
		if s.first != nil {
			s.begin(s.first, 0, s.now()) // before the schedule asks for it
		}
		working.Go(func() { s.work(ctx) })
	}
	working.Go(func() { d.lookAfter(ctx) })
	if d.Rate > 0 {
		working.Go(func() { d.keepSchedule(ctx) })
	}
	working.Wait()
}

func (d *netDriver) close() {
	for _, s := range d.slots {
		if s.first != nil {
			s.first.Close()
		}
	}
}

// keepSchedule gives each message to the connection whose turn it is.
func (d *netDriver) keepSchedule(ctx context.Context) {
	for ctx.Err() == nil {
		now := d.now()
		i, due, ok := d.schedule.take(now)
		if !ok {
			pause(ctx, time.Duration(d.schedule.due()-now))
			continue
		}
		d.tally.took(due, now)
		d.slots[i%int64(len(d.slots))].push(due)
	}
}

// lookAfter ends connections that wait too long for an answer.
func (d *netDriver) lookAfter(ctx context.Context) {
	for pause(ctx, min(d.Timeout/4+time.Millisecond, 100*time.Millisecond)) {
		then := d.now() - int64(d.Timeout)
		for _, s := range d.slots {
			s.expire(then)
		}
	}
}

// pause returns true after d, and false if ctx ends earlier.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
