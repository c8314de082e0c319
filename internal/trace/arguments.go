//go:build linux

package trace

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The arguments of calls, in the notation of strace(1).

func fdArgs(fd int) string { return strconv.Itoa(fd) }

func acceptArgs(fd, flags int) string {
	return fmt.Sprintf("%d, %s", fd, names(uint32(flags), []flag{{unix.SOCK_NONBLOCK, "SOCK_NONBLOCK"}, {unix.SOCK_CLOEXEC, "SOCK_CLOEXEC"}}))
}

func bufferArgs(fd, n int) string { return fmt.Sprintf("%d, %d", fd, n) }

func messageArgs(fd, n, flags int) string {
	return fmt.Sprintf("%d, %d, %s", fd, n, names(uint32(flags), []flag{{unix.MSG_PEEK, "MSG_PEEK"}, {unix.MSG_DONTWAIT, "MSG_DONTWAIT"}, {unix.MSG_NOSIGNAL, "MSG_NOSIGNAL"}, {unix.MSG_OOB, "MSG_OOB"}}))
}

func shutdownArgs(fd, how int) string {
	return fmt.Sprintf("%d, %s", fd, [...]string{"SHUT_RD", "SHUT_WR", "SHUT_RDWR"}[how])
}

func lingerArgs(fd int, linger *unix.Linger) string {
	return fmt.Sprintf("%d, SO_LINGER, {%d, %d}", fd, linger.Onoff, linger.Linger)
}

func optionArgs(fd, level, opt, value int) string {
	known := map[[2]int]string{
		{unix.SOL_SOCKET, unix.SO_OOBINLINE}: "SO_OOBINLINE", {unix.SOL_SOCKET, unix.SO_KEEPALIVE}: "SO_KEEPALIVE",
		{unix.IPPROTO_TCP, unix.TCP_NODELAY}: "TCP_NODELAY", {unix.IPPROTO_TCP, unix.TCP_KEEPIDLE}: "TCP_KEEPIDLE",
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL}: "TCP_KEEPINTVL", {unix.IPPROTO_TCP, unix.TCP_KEEPCNT}: "TCP_KEEPCNT",
	}
	name, ok := known[[2]int{level, opt}]
	if !ok {
		name = fmt.Sprintf("%d, %d", level, opt)
	}
	return fmt.Sprintf("%d, %s, %d", fd, name, value)
}

func queryArgs(fd int) string { return fmt.Sprintf("%d, SIOCOUTQ", fd) }

func controlArgs(epfd, op, fd int, event *unix.EpollEvent) string {
	name := map[int]string{unix.EPOLL_CTL_ADD: "ADD", unix.EPOLL_CTL_MOD: "MOD", unix.EPOLL_CTL_DEL: "DEL"}[op]
	if op == unix.EPOLL_CTL_DEL {
		return fmt.Sprintf("%d, EPOLL_CTL_%s, %d", epfd, name, fd)
	}
	return fmt.Sprintf("%d, EPOLL_CTL_%s, %d, %s", epfd, name, fd, conditions("EPOLL", event.Events))
}

func epollArgs(epfd, max, timeout int) string { return fmt.Sprintf("%d, %d, %d", epfd, max, timeout) }

// pollArgs shows the entry of one descriptor, and how many others there are.
func pollArgs(fds []unix.PollFd, at, timeout int) string {
	others := ""
	if len(fds) > 1 {
		others = fmt.Sprintf(", +%d", len(fds)-1)
	}
	return fmt.Sprintf("[{%d, %s}%s], %d, %d", fds[at].Fd, conditions("POLL", uint32(uint16(fds[at].Events))), others, len(fds), timeout)
}

// selectArgs shows the words of the two sets that have the bit of fd.
func selectArgs(nfd, fd int, read, write *unix.FdSet, timeout int) string {
	return fmt.Sprintf("%d, %s, %s, %d", nfd, word("r", fd, read), word("w", fd, write), timeout)
}

func selectResult(fd int, read, write *unix.FdSet) string {
	return fmt.Sprintf("{%s, %s}", word("r", fd, read), word("w", fd, write))
}

// word writes the word of set that has the bit of fd, as bits without leading zeros. The rightmost
// is the lowest descriptor in it.
func word(name string, fd int, set *unix.FdSet) string {
	at := fd / unix.NFDBITS
	return fmt.Sprintf("%s[%d]=%b", name, at, uint64(uint(set.Bits[at])))
}

func eventResult(prefix string, fd int, events uint32) string {
	return fmt.Sprintf("{%d, %s}", fd, conditions(prefix, events))
}

// flag is a bit of an argument, and its name.
type flag struct {
	bit  uint32
	name string
}

// names writes the bits that are set.
func names(bits uint32, known []flag) string {
	var set []string
	for _, f := range known {
		if bits&f.bit != 0 {
			set = append(set, f.name)
			bits &^= f.bit
		}
	}
	if bits != 0 {
		set = append(set, fmt.Sprintf("%#x", bits))
	}
	if set == nil {
		return "0"
	}
	return strings.Join(set, "|")
}

// ready are the conditions that epoll(7) and poll(2) report. Both have the same bits.
var ready = []struct {
	flag
	event Event
}{
	{flag{unix.POLLIN, "IN"}, Readable}, {flag{unix.POLLOUT, "OUT"}, Writable},
	{flag{unix.POLLRDHUP, "RDHUP"}, ""}, {flag{unix.POLLHUP, "HUP"}, HangUp}, {flag{unix.POLLERR, "ERR"}, Failed},
}

// conditions writes the bits of events with the prefix of the call.
func conditions(prefix string, events uint32) string {
	known := make([]flag, len(ready))
	for i, r := range ready {
		known[i] = flag{r.bit, prefix + r.name}
	}
	return names(events, known)
}

func eventsOf(bits uint32) []Event {
	var events []Event
	for _, r := range ready {
		if bits&r.bit != 0 && r.event != "" {
			events = append(events, r.event)
		}
	}
	return events
}
