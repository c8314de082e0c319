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

// datagramSocket is a UDP socket that one loop serves. It answers one batch in an
// iteration, so that a flood of datagrams does not keep the loop from the streams.
type datagramSocket struct {
	fd       int
	spec     sock.Spec
	guard    *echo.Guard
	batch    *batch
	failures int           // consecutive receives that failed
	pause    time.Duration // the last pause; 0 since a datagram was received
	resumeAt int64         // the end of the pause; 0 while the poller watches the socket
	loggedAt int64         // when a pause was last logged; 0 for never
}

// maxFailures is how many consecutive receives may fail before the socket pauses. The
// error of an ICMP message is reported once (udp(7)), but another error may be the
// result of every call.
const maxFailures = 16

// drainBatches limits how much of the receive buffer is answered when the service ends.
// It is more than the buffer holds: a datagram uses at least 512 bytes of it.
const drainBatches = 256

// openDatagram starts to serve a datagram socket on this loop.
func (l *loop) openDatagram(fd int, spec sock.Spec, cfg engine.Config) error {
	d := &datagramSocket{fd: fd, spec: spec, guard: cfg.Guard, batch: newBatch()}
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
	d.batch.received(n)
	d.failures, d.pause = 0, 0
	l.count.DatagramsIn.Add(uint64(n))

	// Each run of consecutive datagrams that may be answered is sent with one call:
	// nearly always that is the whole batch.
	from := 0
	for i := range n {
		drop := d.check(l, i)
		if drop == echo.Answer {
			d.batch.makeAnswer(i)
			continue
		}
		l.count.Drops[drop].Add(1)
		d.send(l, d.batch.headers[from:i])
		from = i + 1
	}
	d.send(l, d.batch.headers[from:n])
	return n == batchSize
}

// check returns whether the i-th datagram may be answered, or why not.
func (d *datagramSocket) check(l *loop, i int) echo.Drop {
	if d.batch.truncated(i) {
		return echo.DropTruncated
	}
	dst := d.batch.destination(i)
	if !dst.IsValid() {
		dst = d.spec.Addr.Addr()
	}
	return d.guard.Check(l.now(), d.batch.source(i), netip.AddrPortFrom(dst, d.spec.Addr.Port()), d.batch.payload(i))
}

// send sends the answers. If the send buffer is full, the rest is dropped: an answer
// that waits would only be late. Any other error drops the one answer that it is about.
func (d *datagramSocket) send(l *loop, answers []sys.Mmsghdr) {
	for interrupted := 0; len(answers) > 0; {
		n, errno := l.k.Sendmmsg(d.fd, answers, 0)
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
		l.k.Close(d.fd)
	}
	l.datagrams = slices.Delete(l.datagrams, 0, len(l.datagrams))
}
