package load

import (
	"context"
	"math/rand/v2"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// epollDriver moves messages from one thread, with the calls that the epoll
// engine is made of. A goroutine and a wake-up for each message would cost more
// than the message.
type epollDriver struct {
	*course
	k      sys.Kernel
	epfd   int
	addr   unix.Sockaddr
	slots  []epollSlot
	random *rand.Rand
	events []unix.EpollEvent
	in     []byte // where every receive lands
	out    []byte // where datagrams are written

	connecting int   // connects under way
	swept      int64 // when slots were last looked through
	nextSwept  int   // the slot to go on with
	opening    bool  // nothing is sent yet
}

const (
	eventBatch = 256
	// sweepEvery is how often slots are looked through for what has waited too
	// long, and sweepBatch how many at once: that has to be done, and not in
	// time, and ten thousand of them are no reason to keep a message waiting.
	sweepEvery = int64(20 * time.Millisecond)
	sweepBatch = 1000
)

func newEpollDriver(c *course) (driver, error) {
	d := &epollDriver{course: c, k: &sys.Linux{}, random: rand.New(rand.NewPCG(c.Seed, 0)),
		events: make([]unix.EpollEvent, eventBatch), in: make([]byte, window), slots: make([]epollSlot, c.Conns)}
	if c.Target.Network == "udp" {
		d.out = make([]byte, c.Sizes.Max())
	}
	var err error
	if d.addr, err = sockaddr(c.peer.addr); err != nil {
		return nil, err
	}
	epfd, errno := d.k.EpollCreate1(unix.EPOLL_CLOEXEC)
	if errno != 0 {
		return nil, os.NewSyscallError("epoll_create1", errno)
	}
	d.epfd = epfd
	for i := range d.slots {
		d.slots[i] = epollSlot{id: i, fd: -1}
	}
	return d, nil
}

// open begins the connects, no faster than asked for, and no more at once than
// a listener's queue has room for.
func (d *epollDriver) open(ctx context.Context) {
	if d.Churn {
		return // its connections are part of the load
	}
	d.opening = true
	begun := d.now()
	for next := 0; next < len(d.slots) || d.connecting > 0; {
		for next < len(d.slots) && d.connecting < atOnce && d.mayConnect(next, begun) {
			d.connect(&d.slots[next])
			next++
		}
		if ctx.Err() != nil {
			return
		}
		d.turn(1)
		d.sweep(d.now())
	}
	d.opening = false
}

// mayConnect reports whether it is time for the i-th connect.
func (d *epollDriver) mayConnect(i int, begun int64) bool {
	return d.ConnectRate == 0 || d.now() >= begun+int64(float64(i)/d.ConnectRate*1e9)
}

func (d *epollDriver) drive(ctx context.Context) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for i := range d.slots {
		d.startOff(&d.slots[i])
	}
	for done := ctx.Done(); ; {
		select {
		case <-done:
			return
		default:
		}
		d.turn(d.patience())
		d.keepSchedule()
		if now := d.now(); now-d.swept > sweepEvery {
			d.sweep(now)
		}
	}
}

// patience is how many milliseconds a wait may take. A wait counts in whole ones,
// and a message is due to the microsecond: the last millisecond is spent looking.
func (d *epollDriver) patience() int {
	const most = int(sweepEvery / int64(time.Millisecond))
	if d.Rate == 0 {
		return most
	}
	return max(0, min(most, int((d.schedule.due()-d.now())/int64(time.Millisecond))))
}

// turn waits for at most timeout milliseconds and serves whoever is ready.
func (d *epollDriver) turn(timeout int) {
	n, errno := d.k.EpollWait(d.epfd, d.events, timeout)
	if errno != 0 {
		return // EINTR: nothing else can be the matter with a descriptor of our own
	}
	for _, ev := range d.events[:n] {
		s := &d.slots[ev.Fd]
		if s.fd >= 0 && int32(s.life) == ev.Pad {
			d.ready(s)
		}
	}
}

// keepSchedule hands out the messages that are due.
func (d *epollDriver) keepSchedule() {
	if d.Rate == 0 {
		return
	}
	for range eventBatch {
		now := d.now()
		i, due, ok := d.schedule.take(now)
		if !ok {
			return
		}
		d.tally.took(due, now)
		d.push(&d.slots[i%int64(len(d.slots))], due)
	}
}

// sweep gives up what has waited too long, and tries again what has failed, in
// the slots whose turn it is.
func (d *epollDriver) sweep(now int64) {
	d.swept = now
	then := now - int64(d.Timeout)
	for range min(len(d.slots), sweepBatch) {
		s := &d.slots[d.nextSwept]
		d.nextSwept = (d.nextSwept + 1) % len(d.slots)
		switch s.state {
		case absent:
			d.retry(s, now)
		case connecting:
			if s.begun < then {
				d.refused(s, unix.ETIMEDOUT)
			} else if s.fd < 0 {
				d.connect(s)
			}
		default:
			d.expire(s, then)
		}
	}
}

// retry connects again when it is time, if there is anything to send. While the
// connections are opened each is tried once.
func (d *epollDriver) retry(s *epollSlot, now int64) {
	if s.retryAt == 0 || now < s.retryAt || d.opening || d.connecting >= atOnce {
		return
	}
	s.retryAt = 0
	if scheduled := d.Churn && d.Rate > 0; !scheduled || s.waiting.len() > 0 {
		d.connect(s)
	}
}

func (d *epollDriver) close() {
	for i := range d.slots {
		if d.slots[i].fd >= 0 {
			d.k.Close(d.slots[i].fd)
		}
	}
	d.k.Close(d.epfd)
}

// watch tells epoll what s waits for. An event brings back the slot's number and
// which of its connections was meant.
func (d *epollDriver) watch(op int, s *epollSlot, events uint32) {
	s.want = events
	d.k.EpollCtl(d.epfd, op, s.fd, &unix.EpollEvent{Events: events, Fd: int32(s.id), Pad: int32(s.life)})
}
