package load

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"echod/echotest"
	"echod/internal/sys"
	"echod/internal/sys/sim"
)

// drivers are those of this platform: every test of a run uses each of them.
var drivers = map[string]func(*run) (driver, error){"net": newNetDriver,
	"loop": func(r *run) (driver, error) { return newLoop(r, &sys.Linux{}) }}

// brokenKernel fails every receive.
type brokenKernel struct {
	sys.Linux
	recvs, sends int
}

func (k *brokenKernel) Sendmmsg(fd int, msgs []sys.Mmsghdr, flags int) (int, sys.Errno) {
	k.sends += len(msgs)
	return k.Linux.Sendmmsg(fd, msgs, flags)
}

func (k *brokenKernel) Recvmmsg(fd int, msgs []sys.Mmsghdr, flags int) (int, sys.Errno) {
	k.recvs++
	return 0, unix.EIO
}

// The datagram stays in the socket, so the kernel reports it again at once, and with it
// the error.
func TestLoopReplacesABrokenDatagramSocketAfterAPause(t *testing.T) {
	p := planFor(t, echotest.NewUDPServer(t).URL(), "64")
	p.Conns, p.Duration, p.Timeout = 1, 500*time.Millisecond, 200*time.Millisecond
	k := &brokenKernel{}
	_, err := runWith(t.Context(), p, nil, func(c *run) (driver, error) { return newLoop(c, k) })
	if err == nil {
		t.Error("a run without one answer is a success")
	}
	// A socket is used for as many errors as datagrams were sent, and the next one is
	// made after 10 ms at the earliest.
	if k.recvs == 0 || k.recvs > 2*k.sends+100 || k.sends > 100 {
		t.Errorf("%d receives for %d datagrams", k.recvs, k.sends)
	}
}

func TestLoopLimitsConnectsInProgress(t *testing.T) {
	s := newSimulation(t, "tcp", func(p *Plan) { p.Conns, p.Rate, p.Messages = maxConnecting+20, PerSecond(200), 300 })
	most := 0
	s.fault = func(sim.Call) sys.Errno {
		most = max(most, s.loop.connecting)
		return 0
	}
	s.serve = func(p *sim.Peer) {
		if s.k.Now() > int64(time.Second)/2 {
			s.remote.Full = true // every connection breaks, and no new one is made
			p.Reset()
			return
		}
		s.echo(p)
	}
	s.run(t)
	if most != maxConnecting {
		t.Errorf("got up to %d connects in progress, want %d", most, maxConnecting)
	}
}

func TestLoopLimitsRetriesOfChurn(t *testing.T) {
	s := newSimulation(t, "tcp", func(p *Plan) { p.Conns, p.Churn, p.Messages = maxConnecting+20, true, 400 })
	s.remote.Full = true
	first, retries := 0, 0
	s.fault = func(sim.Call) sys.Errno {
		if s.k.Now() < int64(s.r.Timeout) {
			first = max(first, s.loop.connecting)
		} else if s.r.tally.outcomes.failed >= int64(s.r.Conns) {
			retries = max(retries, s.loop.connecting)
		}
		return 0
	}
	s.run(t)
	if first != s.r.Conns || retries != maxConnecting {
		t.Errorf("got up to %d connects in progress, and then %d retries; want %d and %d", first, retries, s.r.Conns, maxConnecting)
	}
}
