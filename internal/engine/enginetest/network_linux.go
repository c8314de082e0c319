package enginetest

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// ownNetwork moves this goroutine into a new network namespace, which has a loopback and
// nothing else. Sockets that the goroutine makes and commands that it starts are in that
// namespace.
//
// It never unlocks the thread, so the thread ends with the goroutine, and the namespace
// with the thread (network_namespaces(7)).
func (t trial) ownNetwork(setup ...string) {
	t.Helper()
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		t.Skipf("cannot make a network namespace: %v", os.NewSyscallError("unshare", err))
	}
	t.configure("ip link set lo up")
	for _, line := range setup {
		t.configure(line)
	}
}

// configure runs a command in the network namespace of the trial.
func (t trial) configure(line string) {
	t.Helper()
	words := strings.Fields(line)
	out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skipf("the command %s is missing", words[0])
	}
	if err != nil {
		t.Skipf("%s: %v: %s", line, err, out)
	}
}

// forger sends datagrams with any source address.
type forger struct {
	t  trial
	fd int
	to syscall.Sockaddr // where every packet is sent; nil: to the address in its header
}

// forge returns a forger that uses the routing table (raw(7)).
func (t trial) forge() *forger {
	t.Helper()
	return t.forger(syscall.AF_INET, syscall.IPPROTO_RAW, nil)
}

// forgeOn returns a forger that broadcasts on a link, without the routing table
// (packet(7)).
func (t trial) forgeOn(link string) *forger {
	t.Helper()
	on, err := net.InterfaceByName(link)
	if err != nil {
		t.Fatal(err)
	}
	protocol := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, syscall.ETH_P_IP))
	broadcast := [8]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	return t.forger(syscall.AF_PACKET, 0, &syscall.SockaddrLinklayer{
		Protocol: protocol, Ifindex: on.Index, Halen: 6, Addr: broadcast,
	})
}

func (t trial) forger(domain, protocol int, to *syscall.SockaddrLinklayer) *forger {
	t.Helper()
	f := &forger{t: t}
	kind := syscall.SOCK_RAW
	if to != nil {
		f.to, kind = to, syscall.SOCK_DGRAM // the kernel writes the link's header
	}
	fd, err := syscall.Socket(domain, kind|syscall.SOCK_CLOEXEC, protocol)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		t.Skipf("forging needs CAP_NET_RAW: %v", err)
	}
	if err != nil {
		t.Fatal(os.NewSyscallError("socket", err))
	}
	t.Cleanup(func() { syscall.Close(fd) })
	f.fd = fd
	return f
}

// send sends one datagram.
func (f *forger) send(from, to netip.AddrPort, payload string) {
	f.t.Helper()
	addr := f.to
	if addr == nil {
		addr = &syscall.SockaddrInet4{Addr: to.Addr().As4()}
	}
	if err := syscall.Sendto(f.fd, packet(from, to, payload), 0, addr); err != nil {
		f.t.Fatalf("send from %s to %s: %v", from, to, os.NewSyscallError("sendto", err))
	}
}

// packet returns an IPv4 packet with a datagram (RFC 791, RFC 768). The datagram has no
// checksum, which IPv4 allows.
func packet(from, to netip.AddrPort, payload string) []byte {
	const headers, ttl = 20 + 8, 64
	size := uint16(headers + len(payload))
	b := []byte{0x45, 0}
	b = binary.BigEndian.AppendUint16(b, size)
	b = append(b, 0, 0, 0, 0, ttl, syscall.IPPROTO_UDP, 0, 0)
	b = append(b, from.Addr().AsSlice()...)
	b = append(b, to.Addr().AsSlice()...)
	binary.BigEndian.PutUint16(b[10:], checksum(b))
	b = binary.BigEndian.AppendUint16(b, from.Port())
	b = binary.BigEndian.AppendUint16(b, to.Port())
	b = binary.BigEndian.AppendUint16(b, size-20)
	b = append(b, 0, 0)
	return append(b, payload...)
}

// checksum returns the checksum of RFC 1071.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// narrow makes the buffers and segments of a socket small, so that a peer that does not
// read blocks the server early and costs the kernel little memory.
func narrow(network, _ string, conn syscall.RawConn) error {
	var err error
	control := conn.Control(func(fd uintptr) {
		err = errors.Join(
			syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10),
			syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, 16<<10),
		)
		if network == "tcp4" || network == "tcp6" {
			err = errors.Join(err, syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1024))
		}
	})
	return errors.Join(control, err)
}

// linuxCases need Linux to cause their faults.
var linuxCases = slices.Concat(killCases, shortageCases, baselineCases, scaleCases, wireCases, socketCases, destroyedCases,
	forgedCases, linkCases, trainCases)

// linkListener receives every IPv4 packet that arrives at any link (packet(7)).
type linkListener struct {
	t  trial
	fd int
}

func (t trial) listenOnLinks() linkListener {
	t.Helper()
	protocol := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, syscall.ETH_P_IP))
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, int(protocol))
	if err != nil {
		t.Skipf("listening on a link needs CAP_NET_RAW: %v", err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	limit := syscall.NsecToTimeval(int64(time.Second))
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &limit); err != nil {
		t.Fatal(os.NewSyscallError("setsockopt SO_RCVTIMEO", err))
	}
	return linkListener{t, fd}
}

// arrival waits for a datagram with that payload between these addresses. It returns the name
// of the link on which it arrived, "" if none arrives for a second.
func (l linkListener) arrival(from netip.AddrPort, to netip.Addr, payload string) string {
	l.t.Helper()
	b := make([]byte, 2048)
	for {
		n, at, err := syscall.Recvfrom(l.fd, b, 0)
		if err == syscall.EINTR {
			continue
		}
		if err == syscall.EAGAIN {
			return ""
		}
		if err != nil {
			l.t.Fatalf("receive on every link: %v", err)
		}
		if p := b[:n]; n < 28 || p[0] != 0x45 || p[9] != syscall.IPPROTO_UDP || netip.AddrFrom4([4]byte(p[12:])) != from.Addr() ||
			netip.AddrFrom4([4]byte(p[16:])) != to || binary.BigEndian.Uint16(p[20:]) != from.Port() || string(p[28:]) != payload {
			continue
		}
		link, err := net.InterfaceByIndex(at.(*syscall.SockaddrLinklayer).Ifindex)
		if err != nil {
			l.t.Fatal(err)
		}
		return link.Name
	}
}
