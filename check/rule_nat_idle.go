package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"echod/internal/agent"
	"echod/internal/dial"
)

var natIdle = Rule{
	ID:       "datagram/nat-idle",
	Networks: datagrams,
	Sends:    "single datagrams to the agent, each of which it answers after another silence of up to 10 min (--idle-max) (--long)",
	Expects:  "the answer after the longest silence, too",
	Meaning:  "Who waits in silence becomes unreachable after a while: what the server sends is dropped on the way, and nobody is told.",
	Agent:    true,
	flag:     "--long",
	stage:    stalled,
	once:     true,
	extra:    func(o Options) time.Duration { return 2 * o.IdleMax },
	run:      runNATIdle,
}

func runNATIdle(p *probe) error {
	if !p.Long {
		return skipped("needs --long")
	}
	hello, err := p.farEnd().Hello(p.ctx)
	if err != nil {
		return err
	}
	longest, bound := p.IdleMax, ""
	if most := time.Duration(hello.MaxDelayMS) * time.Millisecond; most < longest && most > 0 {
		longest, bound = most, ", the longest that the agent allows (its --max-time)"
	}
	heard, err := p.hearLate(0)
	if missing := (*undelivered)(nil); errors.As(err, &missing) {
		return skipped(missing.Error() + ": let the path forward UDP to the agent, too, or name its port by --agent-udp")
	}
	if err != nil {
		return err
	}
	if !heard {
		return fail(Silent, "the agent's datagrams do not come, not even at once")
	}
	survived, lost, err := p.lifetime(longest)
	switch {
	case err != nil:
		return err
	case lost > 0:
		return fail(Silent, "the mapping was forgotten after between %v and %v of silence", rounded(survived), rounded(lost))
	}
	p.note("survived %v of silence%s", rounded(survived), bound)
	return nil
}

// lifetime is the longest silence after which the agent was still heard, and the
// next one, after which it was not: 0 if there is none. Two rows of silences find
// it, as in stream/idle. A shorter silence after which nothing came tells of a
// loss and of no lifetime.
func (p *probe) lifetime(longest time.Duration) (survived, lost time.Duration, err error) {
	row := silences(0, longest)
	for range 2 {
		heard := make([]bool, len(row))
		err := atOnce(len(row), func(i int) (err error) {
			heard[i], err = p.hearLate(row[i])
			return err
		})
		if err != nil {
			return 0, 0, err
		}
		next := len(heard)
		for next > 0 && !heard[next-1] {
			next--
		}
		if next > 0 {
			survived = row[next-1]
		}
		if next < len(row) {
			lost = row[next]
		}
		if lost == 0 {
			break
		}
		row = silences(survived, lost)
		row = row[:len(row)-1] // that one was lost
	}
	return survived, lost, nil
}

// silences are as many as there are places in a row, evenly from low, which is
// not among them, to high.
func silences(low, high time.Duration) []time.Duration {
	row := make([]time.Duration, spread)
	for i := range row {
		row[i] = low + (high-low)*time.Duration(i+1)/spread
	}
	return row
}

// undelivered says that the agent never got the datagram that was to be answered.
type undelivered struct{ to net.Addr }

func (e *undelivered) Error() string {
	return fmt.Sprintf("no datagram reaches the agent at udp://%v", e.to)
}

// hearLate sends the agent a datagram from a new socket, and reports whether it
// was heard there after a silence of d.
func (p *probe) hearLate(d time.Duration) (bool, error) {
	s, err := p.play("datagram-late", "", agent.Params{"delay": int(d.Milliseconds())})
	if err != nil {
		return false, err
	}
	defer s.Close()
	to, err := p.agentUDP(s)
	if err != nil {
		return false, err
	}
	socket, err := looseTo(plain(to.AddrPort()))
	if err != nil {
		return false, err
	}
	defer socket.Close()
	if err := s.deliver(socket); err != nil {
		return false, err
	}
	s.Close() // a path may cut it while nothing is said
	if heard, err := s.hears(socket, d+p.Timeout); heard || err != nil {
		return heard, err
	}
	report, err := s.seen()
	switch {
	case err != nil:
		return false, err
	case report.End != agent.Acted:
		return false, fmt.Errorf("the agent had not answered %v after it should have", 2*p.Timeout)
	}
	return s.hears(socket, p.Timeout/tries) // it may have been late
}

// hears reports whether the agent's answer comes within the time.
func (s *scene) hears(socket loose, within time.Duration) (bool, error) {
	release := context.AfterFunc(s.p.ctx, func() { socket.Close() })
	defer release()
	socket.SetReadDeadline(time.Now().Add(within))
	buf := make([]byte, maxDatagram)
	for {
		n, _, err := socket.receive(buf)
		switch {
		case err == nil && string(buf[:n]) == s.acting.Key:
			return true, nil
		case err == nil: // a stray
		case s.p.ctx.Err() != nil:
			return false, s.p.ctx.Err()
		case classify(err) != Timeout:
			return false, err
		default:
			return false, nil
		}
	}
}

// agentUDP is where the agent's datagrams are: without --agent-udp on the host and
// the port that s is connected to.
func (p *probe) agentUDP(s *scene) (*net.UDPAddr, error) {
	if p.AgentUDP == "" {
		return net.UDPAddrFromAddrPort(s.RemoteAddr().(*net.TCPAddr).AddrPort()), nil
	}
	target, err := dial.Parse(p.AgentUDP)
	if err != nil {
		return nil, err
	}
	ctx, cancel := p.withTimeout()
	defer cancel()
	conn, err := target.Dial(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.RemoteAddr().(*net.UDPAddr), nil
}

// deliver sends the key until the agent says that it has come, for as long as the
// timeout. The error is an *undelivered if that never happens.
func (s *scene) deliver(socket loose) error {
	datagram := make([]byte, agent.DatagramSize)
	copy(datagram, s.acting.Key)
	came := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		for range tries {
			socket.send(datagram) // if it cannot be, it does not come
			select {
			case <-came:
				return
			case <-time.After(s.timeout / tries):
			}
		}
	})
	s.SetReadDeadline(time.Now().Add(s.timeout))
	err := s.acting.Arrived()
	close(came)
	sending.Wait()
	var refusal *agent.Refusal
	switch {
	case errors.As(err, &refusal):
		return skipped(err.Error())
	case err == nil, s.p.ctx.Err() != nil:
		return err
	case slices.Contains([]Class{Timeout, Reset}, classify(err)):
		return &undelivered{net.UDPAddrFromAddrPort(socket.to)}
	}
	return fmt.Errorf("waiting for the agent to receive a datagram: %w", err)
}
