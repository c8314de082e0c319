package check

import (
	"bytes"
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
	Needs:    []string{"--agent", "--long"},
	Sends:    "single datagrams to the agent, each of which it answers after another silence of up to 10 min (--idle-max) (--long)",
	Expects:  "the answer after the longest silence, too, unchanged and from the address that the datagram was sent to",
	Meaning:  "A client that waits in silence becomes unreachable after a while: datagrams of the server are dropped on the path, and nobody is informed.",
	Causes: []Cause{
		{
			Classes: []Class{Silent},
			Text:    "a NAT, firewall or UDP proxy that drops a silent mapping (Linux: after 30 s if only one side has sent, else after 2 min; RFC 4787 requires at least 2 min)",
			Remedy:  "send something more often than that, or increase its timeout (Linux: sysctl net.netfilter.nf_conntrack_udp_timeout)",
		},
		{
			Classes: []Class{WrongSource},
			Meaning: "The server's datagrams arrive from another address than the client sends to: firewalls and connected sockets drop them.",
			Text:    "a UDP proxy or a NAT that sends answers from another address or port than the one that clients send to",
			Remedy:  "send answers from the socket that received the datagram",
		},
		{
			Classes: []Class{Corrupt, Truncated, ExtraBytes},
			Meaning: "The server's datagrams are changed on the path.",
			Text:    changedAnswer.Text,
			Remedy:  changedAnswer.Remedy,
		},
	},
	stage:     stalled,
	noRetry:   true,
	extraTime: func(o Options) time.Duration { return 2 * o.IdleMax },
	run:       runNATIdle,
}

func runNATIdle(p *probe) error {
	longest, limit, err := p.longestDelay(p.IdleMax)
	if err != nil {
		return err
	}
	answered, err := p.answeredAfter(0)
	if missing := (*undelivered)(nil); errors.As(err, &missing) {
		return skipped(missing.Error() + ": let the path forward UDP to the agent, too, or pass its port with --agent-udp")
	}
	if err != nil {
		return err
	}
	if !answered {
		return fail(Silent, "the agent's datagrams do not arrive, even without a silence")
	}
	survived, lost, err := p.findMappingTimeout(longest)
	switch {
	case err != nil:
		return err
	case lost > 0:
		return fail(Silent, "the mapping was dropped after between %v and %v of silence", rounded(survived), rounded(lost))
	}
	p.setNote("survived %v of silence%s", rounded(survived), limit)
	return nil
}

// findMappingTimeout returns the longest silence after which the answer arrived, and
// the next longer one, after which it did not: 0 if there is none. It uses two rounds
// of silences, as stream/idle does. A lost answer after a shorter silence than one that
// was answered is packet loss and not a timeout.
func (p *probe) findMappingTimeout(longest time.Duration) (survived, lost time.Duration, err error) {
	silences := divide(0, longest)
	for range 2 {
		answered := make([]bool, len(silences))
		err := atOnce(len(silences), func(i int) (err error) {
			answered[i], err = p.answeredAfter(silences[i])
			return err
		})
		if err != nil {
			return 0, 0, err
		}
		next := len(answered)
		for next > 0 && !answered[next-1] {
			next--
		}
		if next > 0 {
			survived = silences[next-1]
		}
		if next < len(silences) {
			lost = silences[next]
		}
		if lost == 0 {
			break
		}
		silences = divide(survived, lost)
		silences = silences[:len(silences)-1] // the last one was lost in the first round
	}
	return survived, lost, nil
}

// divide returns idleConns durations at equal distances, after low and up to high.
func divide(low, high time.Duration) []time.Duration {
	all := make([]time.Duration, idleConns)
	for i := range all {
		all[i] = low + (high-low)*time.Duration(i+1)/idleConns
	}
	return all
}

// undelivered is the error when the agent never received the datagram that it was to
// answer.
type undelivered struct{ to net.Addr }

func (e *undelivered) Error() string {
	return fmt.Sprintf("no datagram reaches the agent at udp://%v", e.to)
}

// answeredAfter sends the agent a datagram from a new socket, and reports whether the
// agent's answer after a silence of d arrives.
func (p *probe) answeredAfter(d time.Duration) (bool, error) {
	s, err := p.startScenario("datagram-late", "", agent.Params{"delay": int(d.Milliseconds())})
	if err != nil {
		return false, err
	}
	defer s.Close()
	to, err := p.agentUDPAddr(s)
	if err != nil {
		return false, err
	}
	socket, err := openUnconnected(p, unmapped(to.AddrPort()), 0)
	if err != nil {
		return false, err
	}
	defer socket.Close()
	if err := s.deliverKey(socket); err != nil {
		return false, err
	}
	s.Close() // a path may drop it while it is silent
	if arrived, err := s.keyArrives(socket, d+p.Timeout); arrived || err != nil {
		return arrived, err
	}
	report, err := s.report()
	switch {
	case err != nil:
		return false, err
	case report.End != agent.Acted:
		return false, fmt.Errorf("the agent had not answered %v after it should have", 2*p.Timeout)
	}
	return s.keyArrives(socket, p.Timeout/attempts) // the agent may have answered late
}

// keyArrives reports whether the agent's answer, which is the key, arrives in time. It is
// a failure if the answer arrives with other bytes, or from another address than the
// datagram was sent to.
func (s *agentStream) keyArrives(socket unconnectedSocket, within time.Duration) (bool, error) {
	release := context.AfterFunc(s.p.ctx, func() { socket.Close() })
	defer release()
	socket.SetReadDeadline(time.Now().Add(within))
	buf, key := make([]byte, maxDatagram), []byte(s.run.Key)
	var wrong error
	for {
		n, from, err := socket.receive(buf)
		switch {
		case err == nil && from != socket.to && !bytes.Equal(buf[:n], key): // of another program
		case err == nil:
			f := checkAnswer(socket, buf[:n], from, key)
			if f == nil {
				return true, nil
			}
			if f.class == WrongSource {
				return false, f
			}
			wrong = f // or a late copy of another answer, if the kernel has reused its port
		case s.p.ctx.Err() != nil:
			return false, s.p.ctx.Err()
		case classify(err) != Timeout:
			return false, err
		default:
			return false, wrong
		}
	}
}

// agentUDPAddr returns the address of the agent's UDP port: that of --agent-udp, or
// the host and port that s is connected to.
func (p *probe) agentUDPAddr(s *agentStream) (*net.UDPAddr, error) {
	if p.AgentUDP == "" {
		return net.UDPAddrFromAddrPort(s.RemoteAddr().(*net.TCPAddr).AddrPort()), nil
	}
	target, err := dial.Parse(p.AgentUDP)
	target = p.target.sameSockets(target)
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

// deliverKey sends the key until the agent reports that it has arrived, but not longer
// than the timeout. The error is an *undelivered if it does not arrive.
func (s *agentStream) deliverKey(socket unconnectedSocket) error {
	datagram := make([]byte, agent.DatagramSize)
	copy(datagram, s.run.Key)
	arrived := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		for range attempts {
			socket.send(datagram) // if this fails, it does not arrive
			select {
			case <-arrived:
				return
			case <-time.After(s.timeout / attempts):
			}
		}
	})
	s.SetReadDeadline(time.Now().Add(s.timeout))
	err := s.run.AwaitDatagram()
	close(arrived)
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
