//go:build linux

package reactor

import (
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/accept"
	"echod/internal/echo"
	"echod/internal/engine"
	"echod/internal/poll"
	"echod/internal/sock"
	"echod/internal/sys"
)

// packets is a datagram socket. One loop owns it and answers a batch in a turn,
// so that a flood of datagrams has its turn and no more.
type packets struct {
	fd       int
	spec     sock.Spec
	guard    *echo.Guard
	batch    *datagrams
	failures int           // receives that failed in a row
	pause    time.Duration // the last pause; 0 since a datagram came
	wakeAt   int64         // the end of the pause; 0 while the poller watches
	loggedAt int64         // when a pause was last logged; 0 for never
}

// maxFailures is how many receives in a row may fail at once. An error that ICMP has
// caused is gone when it is read (udp(7)); any other may be the answer to every call.
const maxFailures = 16

// drainBatches bounds what is answered of the queue when the service ends: more
// datagrams than its receive buffer holds, of which each takes at least 512
// bytes there.
const drainBatches = 256

// openPacket starts to serve a datagram socket on this loop.
func (l *loop) openPacket(fd int, spec sock.Spec, cfg engine.Config) error {
	p := &packets{fd: fd, spec: spec, guard: cfg.Guard, batch: newDatagrams()}
	p.guard.Own(spec.Addr)
	if err := l.watch(fd, p); err != nil {
		l.k.Close(fd)
		return err
	}
	l.packets = append(l.packets, p)
	return nil
}

func (p *packets) ready(l *loop) { p.echo(l) }

// echo answers one batch. It reports whether more may be queued.
func (p *packets) echo(l *loop) bool {
	n, errno := l.k.Recvmmsg(p.fd, p.batch.room(), 0)
	if errno != 0 {
		return p.failed(l, errno)
	}
	p.batch.took(n)
	p.failures, p.pause = 0, 0
	l.count.DatagramsIn.Add(uint64(n))
	p.answer(l, n)
	return n == datagramsPerTurn
}

// answer sends those of the first n datagrams back that may be answered: as many
// at once as stand side by side, which is nearly always all of them.
func (p *packets) answer(l *loop, n int) {
	from := 0
	for i := range n {
		drop := p.judge(l, i)
		if drop == echo.Answer {
			p.batch.answer(i)
			continue
		}
		l.count.Drops[drop].Add(1)
		p.send(l, p.batch.envelopes[from:i])
		from = i + 1
	}
	p.send(l, p.batch.envelopes[from:n])
}

// judge reports whether the i-th datagram may be answered.
func (p *packets) judge(l *loop, i int) echo.Drop {
	if p.batch.truncated(i) {
		return echo.DropTruncated
	}
	dst := p.batch.arrived(i)
	if !dst.IsValid() {
		dst = p.spec.Addr.Addr()
	}
	return p.guard.Check(l.now(), p.batch.source(i), netip.AddrPortFrom(dst, p.spec.Addr.Port()), p.batch.payload(i))
}

// send offers the answers to the kernel. A full socket buffer drops the rest,
// because a datagram that waited could only be late; any other trouble drops
// the one answer that met it.
func (p *packets) send(l *loop, answers []sys.Mmsghdr) {
	for interrupted := 0; len(answers) > 0; {
		n, errno := l.k.Sendmmsg(p.fd, answers, 0)
		l.count.DatagramsOut.Add(uint64(n))
		lost, why := 0, echo.DropRefused
		if errno == unix.EINTR {
			if interrupted++; interrupted == maxInterrupts {
				errno = unix.EAGAIN
			}
		}
		switch errno {
		case 0, unix.EINTR:
		case unix.EAGAIN:
			lost, why = len(answers), echo.DropFull
		case unix.ENOBUFS, unix.ENOMEM:
			lost, why = 1, echo.DropFull
		default: // EPERM, EHOSTUNREACH, ENETUNREACH, EINVAL …
			lost = 1
		}
		l.count.Drops[why].Add(uint64(lost))
		answers = answers[n+lost:]
	}
}

// failed handles an error of recvmmsg. It reports whether to try again at once.
func (p *packets) failed(l *loop, errno sys.Errno) bool {
	p.failures++
	if errno != unix.EAGAIN && errno != unix.EINTR {
		l.count.DatagramErrors.Add(1)
	}
	switch shortage := errno == unix.ENOMEM || errno == unix.ENOBUFS; {
	case shortage || p.failures >= maxFailures:
		p.rest(l, errno)
		return false
	}
	return errno != unix.EAGAIN
}

// rest stops reading for a while: the poller would report the same socket at once,
// for ever. The pause doubles from 10 ms to a second. It stays short where a stranger
// can cause it: a datagram with a wrong checksum makes the socket readable, and a
// receive drops it and finds nothing (udp(7), select(2) "Bugs").
func (p *packets) rest(l *loop, errno sys.Errno) {
	if p.wakeAt == 0 {
		l.poller.Remove(p.fd)
	}
	p.pause = min(max(2*p.pause, shortestDelay), longestDelay)
	if errno == unix.EAGAIN {
		p.pause = shortestDelay
	}
	p.wakeAt = l.now() + int64(p.pause)
	if errno != unix.EAGAIN && (p.loggedAt == 0 || l.now()-p.loggedAt >= int64(accept.LogInterval)) {
		p.loggedAt = l.now()
		l.log.Warn("datagram listener paused", slog.String("url", p.spec.String()), slog.Any("error", errno))
	}
}

// wake reads again when the pause is over.
func (p *packets) wake(l *loop) {
	if p.wakeAt == 0 || l.now() < p.wakeAt {
		return
	}
	if errno := l.poller.Add(p.fd, 0, poll.Readable); errno != 0 {
		p.wakeAt = l.now() + int64(longestDelay)
		return
	}
	p.wakeAt = 0
}

// closePackets ends the loop's datagram sockets, after answering what is
// queued there.
func (l *loop) closePackets() {
	for _, p := range l.packets {
		for range drainBatches {
			if !p.echo(l) {
				break
			}
		}
		delete(l.others, int32(p.fd))
		if p.wakeAt == 0 {
			l.poller.Remove(p.fd)
		}
		l.k.Close(p.fd)
	}
	l.packets = slices.Delete(l.packets, 0, len(l.packets))
}
