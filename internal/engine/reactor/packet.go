//go:build linux

package reactor

import (
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"echod/internal/echo"
	"echod/internal/engine"
	"echod/internal/sock"
	"echod/internal/sys"
)

// packets is a datagram socket. One loop owns it and answers a batch in a turn,
// so that a flood of datagrams has its turn and no more.
type packets struct {
	fd     int
	bound  netip.AddrPort
	guard  *echo.Guard
	batch  *datagrams
	wakeAt int64 // when it looks again; 0 while it is not resting
}

// drainBatches bounds what is answered of the queue when the service ends: more
// datagrams than its receive buffer holds, of which each takes at least 512
// bytes there.
const drainBatches = 256

// openPacket starts to serve a datagram socket on this loop.
func (l *loop) openPacket(fd int, spec sock.Spec, cfg engine.Config) error {
	p := &packets{fd: fd, bound: spec.Addr, guard: cfg.Guard, batch: newDatagrams()}
	p.guard.Own(spec.Addr)
	if err := l.watch(fd, p); err != nil {
		l.k.Close(fd)
		return err
	}
	l.packets = append(l.packets, p)
	return nil
}

func (p *packets) ready(l *loop) { p.echo(l) }

// echo answers one batch. It tells whether more may be queued.
func (p *packets) echo(l *loop) bool {
	n, errno := l.k.Recvmmsg(p.fd, p.batch.room(), 0)
	switch errno {
	case 0:
		p.batch.took(n)
	case unix.ENOMEM, unix.ENOBUFS:
		p.rest(l)
		return false
	default:
		return errno == unix.EINTR // or EAGAIN, or what ICMP had to tell of an answer: reading it removed it
	}
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

// judge tells whether the i-th datagram may be answered.
func (p *packets) judge(l *loop, i int) echo.Drop {
	if p.batch.truncated(i) {
		return echo.DropTruncated
	}
	dst := p.batch.arrived(i)
	if !dst.IsValid() {
		dst = p.bound.Addr()
	}
	return p.guard.Check(l.now(), p.batch.source(i), netip.AddrPortFrom(dst, p.bound.Port()), p.batch.payload(i))
}

// send offers the answers to the kernel. A full socket buffer drops the rest,
// because a datagram that waited could only be late; any other trouble drops
// the one answer that met it.
func (p *packets) send(l *loop, answers []sys.Mmsghdr) {
	for len(answers) > 0 {
		n, errno := l.k.Sendmmsg(p.fd, answers, 0)
		l.count.DatagramsOut.Add(uint64(n))
		lost, why := 0, echo.DropRefused
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

// rest stops reading for a while: the kernel is short of memory, and would
// report the same queued datagrams at once, for ever.
func (p *packets) rest(l *loop) {
	p.wakeAt = l.now() + int64(shortestPause)
	l.poller.mod(p.fd, 0, nothing)
}

// wake reads again when the rest is over.
func (p *packets) wake(l *loop) {
	if p.wakeAt == 0 || l.now() < p.wakeAt {
		return
	}
	if errno := l.poller.mod(p.fd, 0, readable); errno != 0 {
		p.wakeAt = l.now() + int64(shortestPause)
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
		l.poller.del(p.fd)
		l.k.Close(p.fd)
	}
	l.packets = slices.Delete(l.packets, 0, len(l.packets))
}
