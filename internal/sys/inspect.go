//go:build linux

package sys

import "golang.org/x/sys/unix"

// Inspector is a Kernel that can say what it holds for a socket. Looking changes nothing.
type Inspector interface {
	// Inspect returns what the kernel holds for the stream socket fd; false if fd is not
	// the socket of a connection.
	Inspect(fd int) (held Held, ok bool)
}

var _ Inspector = (*Linux)(nil)

// states are the names of tcpi_state (include/net/tcp_states.h).
var states = [...]string{
	1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECV", 4: "FIN_WAIT1", 5: "FIN_WAIT2", 6: "TIME_WAIT",
	7: "CLOSE", 8: "CLOSE_WAIT", 9: "LAST_ACK", 10: "LISTEN", 11: "CLOSING", 12: "NEW_SYN_RECV",
}

// Inspect makes up to five system calls: TCP_INFO, SO_LINGER and three of ioctl(2) (tcp(7)).
func (*Linux) Inspect(fd int) (held Held, ok bool) {
	arrived, err := unix.IoctlGetInt(fd, unix.SIOCINQ)
	if err != nil {
		return Held{}, false // it listens, or it is not a socket
	}
	held.Arrived = arrived
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return held, true
	}
	held.Unacknowledged, _ = unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	held.Unsent, _ = unix.IoctlGetInt(fd, unix.SIOCOUTQNSD)
	if int(info.State) < len(states) {
		held.State = states[info.State]
	}
	if linger, err := unix.GetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER); err == nil {
		held.Resets = linger.Onoff != 0 && linger.Linger == 0
	}
	held.PeerWindow, held.Window = int(info.Snd_wnd), int(info.Rcv_wnd)
	held.RTT, held.Retransmits = int(info.Rtt), int(info.Total_retrans)
	held.PeerLimited, held.BufferLimited = info.Rwnd_limited, info.Sndbuf_limited
	return held, true
}
