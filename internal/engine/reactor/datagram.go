//go:build linux

package reactor

import (
	"log/slog"
	"net/netip"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"echod/internal/accept"
	"echod/internal/echo"
	"echod/internal/engine"
	"echod/internal/poll"
	"echod/internal/sock"
	"echod/internal/sys"
)

// datagramSocket is a UDP socket that one loop serves. It answers one batch in an
// iteration, so that a flood of datagrams does not keep the loop from the streams.
type datagramSocket struct {
	fd        int
	spec      sock.Spec
	guard     *echo.Guard
	trains    sock.Trains
	batch     *batch
	answers   *answers
	singles   *answers      // to the datagrams of a train that failed
	inherited bool          // another process may serve it later
	failures  int           // consecutive receives that failed
	pause     time.Duration // the last pause; 0 since a datagram was received
	resumeAt  int64         // the end of the pause; 0 while the poller watches the socket
	loggedAt  int64         // when a pause was last logged; 0 for never
}

// maxFailures is how many consecutive receives may fail before the socket pauses. The
// error of an ICMP message is reported once (udp(7)), but another error may be the
// result of every call.
const maxFailures = 16

// drainBatches limits how much of the receive buffer is answered when the service ends.
// It is more than the buffer holds: a datagram uses at least 512 bytes of it.
const drainBatches = 256

// openDatagram starts to serve a datagram socket on this loop.
func (l *loop) openDatagram(fd int, spec sock.Spec, cfg engine.Config, inherited bool) error {
	d := &datagramSocket{fd: fd, spec: spec, guard: cfg.Guard, batch: newBatch(), answers: newAnswers(), singles: newAnswers(), inherited: inherited}
	d.trains.Enabled = sock.ReceiveTrains(l.k, fd, true)
	d.guard.Own(spec.Addr)
	if err := l.watch(fd, d); err != nil {
		l.k.Close(fd)
		return err
	}
	l.datagrams = append(l.datagrams, d)
	return nil
}

func (d *datagramSocket) handleReadable(l *loop) { d.echo(l) }

// echo receives one batch and answers it. It reports whether more may be queued.
func (d *datagramSocket) echo(l *loop) (more bool) {
	n, errno := l.k.Recvmmsg(d.fd, d.batch.prepare(), 0)
	if errno != 0 {
		return d.receiveFailed(l, errno)
	}
	d.failures, d.pause = 0, 0
	l.count.DatagramsIn.Add(uint64(d.batch.received(n)))
	for i := range n {
		m, train := &d.batch.messages[i], d.batch.train(i)
		if d.batch.truncated(i) {
			l.count.Drops[echo.DropTruncated].Add(uint64(train.Count()))
			continue
		}
		dst := m.arrived.Dst
		if !dst.IsValid() {
			dst = d.spec.Addr.Addr()
		}
		d.guard.CheckTrain(l.now(), m.source(), netip.AddrPortFrom(dst, d.spec.Addr.Port()), train, func(run echo.Train, drop echo.Drop) {
			if drop == echo.Answer {
				d.answer(l, m, run)
			} else {
				l.count.Drops[drop].Add(uint64(run.Count()))
			}
		})
	}
	d.send(l, d.answers)
	return n == batchSize
}

// answer adds answers to the datagrams of a train that arrived in m. They are sent at the end
// of the batch, or when they are too many.
func (d *datagramSocket) answer(l *loop, m *message, t echo.Train) {
	for left := t.Count(); left > 0; {
		n := d.answers.add(m, t, d.trains.Most(l.now(), t.First()))
		if n == 0 {
			d.send(l, d.answers)
			continue
		}
		_, t = t.Cut(n)
		left -= n
	}
}

// send sends the answers, and empties a. If the send buffer is full, the rest is dropped: an
// answer that waits would only be late. Any other error drops the one answer that it is about.
// It returns how many datagrams were sent.
func (d *datagramSocket) send(l *loop, a *answers) (sent int) {
	interrupted := 0
	for at := 0; at < a.used; {
		n, errno := l.k.Sendmmsg(d.fd, a.prepared(at), 0)
		out := a.datagrams(at, at+n)
		l.count.DatagramsOut.Add(uint64(out))
		sent, at = sent+out, at+n
		if errno == unix.EINTR {
			if interrupted++; interrupted == maxInterrupts {
				errno = unix.EAGAIN
			}
		}
		switch {
		case errno == 0 || errno == unix.EINTR:
		case errno == unix.EAGAIN:
			l.count.Drops[echo.DropFull].Add(uint64(a.datagrams(at, a.used)))
			at = a.used
		case a.messages[at].count > 1:
			sent += d.sendSingly(l, &a.messages[at])
			at++
		case errno == unix.ENOBUFS || errno == unix.ENOMEM:
			l.count.Drops[echo.DropFull].Add(1)
			at++
		default: // EPERM, EHOSTUNREACH, ENETUNREACH, EINVAL …
			l.count.Drops[echo.DropRefused].Add(1)
			at++
		}
	}
	a.clear()
	return sent
}

// sendSingly sends the datagrams of a train that failed as messages of their own.
func (d *datagramSocket) sendSingly(l *loop, train *answer) (sent int) {
	for _, part := range train.parts {
		t := echo.Train{Bytes: unsafe.Slice(part.Base, part.Len), Size: train.size}
		for range t.Count() {
			d.singles.add(train.to, t, 1)
			_, t = t.Cut(1)
		}
	}
	if sent = d.send(l, d.singles); sent > 0 {
		d.trains.Failed(l.now(), train.size)
	}
	return sent
}

// receiveFailed handles an error of recvmmsg. It reports whether to receive again at
// once.
func (d *datagramSocket) receiveFailed(l *loop, errno sys.Errno) (again bool) {
	d.failures++
	if errno != unix.EAGAIN && errno != unix.EINTR {
		l.count.DatagramErrors.Add(1)
	}
	shortage := errno == unix.ENOMEM || errno == unix.ENOBUFS
	if shortage || d.failures >= maxFailures {
		d.startPause(l, errno)
		return false
	}
	return errno != unix.EAGAIN
}

// startPause stops watching the socket for some time: the poller would report it again
// and again. The pause doubles from 10 ms to a second. It stays at 10 ms if a sender can
// cause it: a datagram with a wrong checksum makes the socket readable, and then a
// receive drops it and returns EAGAIN (udp(7), select(2) "Bugs").
func (d *datagramSocket) startPause(l *loop, errno sys.Errno) {
	if d.resumeAt == 0 {
		l.poller.Remove(d.fd)
	}
	d.pause = min(max(2*d.pause, shortestDelay), longestDelay)
	if errno == unix.EAGAIN {
		d.pause = shortestDelay
	}
	d.resumeAt = l.now() + int64(d.pause)
	if errno != unix.EAGAIN && (d.loggedAt == 0 || l.now()-d.loggedAt >= int64(accept.LogInterval)) {
		d.loggedAt = l.now()
		l.log.Warn("datagram listener paused", slog.String("url", d.spec.String()), slog.Any("error", errno))
	}
}

// resume watches the socket again when the pause is over.
func (d *datagramSocket) resume(l *loop) {
	if d.resumeAt == 0 || l.now() < d.resumeAt {
		return
	}
	if errno := l.poller.Add(d.fd, 0, poll.Readable); errno != 0 {
		d.resumeAt = l.now() + int64(longestDelay)
		return
	}
	d.resumeAt = 0
}

// closeDatagrams answers what is queued on the loop's datagram sockets and closes them.
func (l *loop) closeDatagrams() {
	for _, d := range l.datagrams {
		for range drainBatches {
			if !d.echo(l) {
				break
			}
		}
		delete(l.handlers, int32(d.fd))
		if d.resumeAt == 0 {
			l.poller.Remove(d.fd)
		}
		if d.inherited && d.trains.Enabled { // the next process may not know trains
			sock.ReceiveTrains(l.k, d.fd, false)
		}
		l.k.Close(d.fd)
	}
	l.datagrams = slices.Delete(l.datagrams, 0, len(l.datagrams))
}
