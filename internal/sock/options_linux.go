package sock

import (
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// notSent is how many bytes beyond what is in flight the kernel takes for a
// peer (tcp(7), TCP_NOTSENT_LOWAT). Left to itself the send buffer grows to
// several megabytes for each peer that does not read. With much less than this,
// large answers are cut into many turns: 128 KiB cost a tenth of the throughput
// of messages of 1 MiB.
const notSent = 1 << 20

// datagramQueue is how many bytes may wait on either side of a datagram socket:
// what does not fit is dropped. The kernel grants what net.core.rmem_max and
// wmem_max allow of it.
const datagramQueue = 4 << 20

// setOptions prepares a socket, bound already or not. What is set on a listening
// socket every accepted one inherits, so nothing is paid for each connection.
func setOptions(k sys.Kernel, fd int, s Spec, o Options) error {
	type option struct {
		name       string
		level, opt int
		value      int
	}
	var options []option
	switch s.Transport() {
	case "tcp":
		options = []option{
			{"SO_REUSEADDR", unix.SOL_SOCKET, unix.SO_REUSEADDR, 1},
			{"SO_OOBINLINE", unix.SOL_SOCKET, unix.SO_OOBINLINE, 1},
			{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
			{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, seconds(o.KeepAlive.Idle)},
			{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, seconds(o.KeepAlive.Interval)},
			{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, o.KeepAlive.Count},
			{"TCP_NOTSENT_LOWAT", unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, notSent},
		}
		if errno := k.SetsockoptLinger(fd, &unix.Linger{Onoff: 1}); errno != 0 {
			return callError(s, "setsockopt SO_LINGER", errno)
		}
	case "unix":
		options = []option{{"SO_OOBINLINE", unix.SOL_SOCKET, unix.SO_OOBINLINE, 1}}
	case "udp":
		options = []option{
			// An answer never goes to a broadcast address, not even to one that the
			// guard does not know: without this option the kernel refuses it with
			// EACCES (ip(7)). Go's net package sets it.
			{"SO_BROADCAST", unix.SOL_SOCKET, unix.SO_BROADCAST, 0},
			{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, datagramQueue},
			{"SO_SNDBUF", unix.SOL_SOCKET, unix.SO_SNDBUF, datagramQueue},
		}
		// Only where the socket has many addresses is there a question which of
		// them was asked, and the answer costs both calls a route look-up.
		if s.Addr.Addr().IsUnspecified() {
			systemVRFs.watch()
			options = append(options, option{"IP_PKTINFO", unix.IPPROTO_IP, unix.IP_PKTINFO, 1})
			if s.Addr.Addr().Is6() {
				options = append(options, option{"IPV6_RECVPKTINFO", unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1})
			}
		}
	}
	for _, opt := range options {
		if errno := k.SetsockoptInt(fd, opt.level, opt.opt, opt.value); errno != 0 {
			return callError(s, "setsockopt "+opt.name, errno)
		}
	}
	return nil
}

func seconds(d time.Duration) int { return max(int(d/time.Second), 1) }
