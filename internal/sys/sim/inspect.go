//go:build linux

package sim

import "echod/internal/sys"

var _ sys.Inspector = (*Kernel)(nil)

// Inspect returns what the kernel holds for the stream fd. It is not a call of the script, and
// changes nothing. What is delivered is acknowledged at once, so nothing is under way: all that is
// unacknowledged is unsent.
func (k *Kernel) Inspect(fd int) (held sys.Held, ok bool) {
	s, ok := k.fileAt(fd).(*stream)
	if !ok {
		return sys.Held{}, false
	}
	end, ok := s.end.(*tcp)
	if !ok {
		return sys.Held{Arrived: s.end.unread()}, true
	}
	held = sys.Held{State: end.state(), Arrived: end.arrived(), Unacknowledged: end.outq(), Unsent: end.outq(),
		Window: max(end.rcv()-len(end.in), 0), Resets: s.linger.Onoff != 0 && s.linger.Linger == 0}
	if end.peer != nil {
		held.PeerWindow = max(end.peer.rcv()-len(end.peer.in), 0)
	}
	return held, true
}

// state returns the state of the connection (RFC 9293, section 3.3.2), with the names of Linux.
func (s *tcp) state() string {
	switch {
	case s.dead():
		return "CLOSE"
	case s.synSent:
		return "SYN_SENT"
	case s.fin && s.closing:
		return "CLOSING"
	case s.fin && s.finDue:
		return "LAST_ACK"
	case s.fin:
		return "CLOSE_WAIT"
	case s.finSent:
		return "FIN_WAIT2"
	case s.finDue:
		return "FIN_WAIT1"
	}
	return "ESTABLISHED"
}

// arrived is SIOCINQ (tcp_inq in include/net/tcp.h). It counts up to an urgent byte that is not inline.
func (s *tcp) arrived() int {
	if s.urg.state != noUrgent && s.urg.at < len(s.in) && !s.inline {
		return s.urg.at
	}
	return len(s.in)
}
