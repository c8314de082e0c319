//go:build linux

package sim

import "slices"

// starved is the set of calls that answer EAGAIN although poll reports the
// socket ready. A kernel may do that for as long as it likes: send(2) while
// tcp_mem is used up (tcp_sendmsg_locked waits for memory, tcp_poll looks only
// at the socket's own buffer), recv(2) and accept(2) whenever what was there is
// gone again (select(2), "BUGS").
type starved struct{ calls []Call }

func (s *starved) starving(call Call) bool { return slices.Contains(s.calls, call) }

func (s *starved) starve(call Call, on bool) {
	s.calls = slices.DeleteFunc(s.calls, func(c Call) bool { return c == call })
	if on {
		s.calls = append(s.calls, call)
	}
}

// SpuriousReady makes call (Accept4, Recv, Send, Recvmmsg or Sendmmsg) answer EAGAIN on
// the socket fd from now on, whatever poll says of it; or ends that.
func (k *Kernel) SpuriousReady(fd int, call Call, on bool) {
	switch f := k.files[fd].file.(type) {
	case *socket:
		f.starve(call, on)
	case *stream:
		f.starve(call, on)
	case *datagrams:
		f.starve(call, on)
	default:
		panic("sim: only a socket can be starved")
	}
}

// SpuriousReady is [Kernel.SpuriousReady] for the server's end of the connection, accepted or
// not. It does nothing while there is none.
func (p *Peer) SpuriousReady(call Call, on bool) {
	if p.server != nil {
		p.server.starve(call, on)
	}
}
