package dial

import (
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"echod/internal/usage"
)

// option returns an option of a socket as a number.
func option(t *testing.T, c net.Conn, level, name int) (value int) {
	t.Helper()
	raw, err := Transport(c).(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { value, err = unix.GetsockoptInt(int(fd), level, name) })
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// boundTo returns the interface that a socket is bound to.
func boundTo(t *testing.T, c net.Conn) (name string) {
	t.Helper()
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { name, err = unix.GetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE) })
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// listenOn starts a service for both networks that sends nothing.
func listenOn(t *testing.T, network, host string) Target {
	t.Helper()
	address := net.JoinHostPort(host, "0")
	if network == "udp" {
		c, err := net.ListenPacket("udp", address)
		if err != nil {
			skip(t, "%s: %v", host, err)
		}
		t.Cleanup(func() { c.Close() })
		return Target{Network: network, Address: c.LocalAddr().String()}
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		skip(t, "%s: %v", host, err)
	}
	t.Cleanup(func() { ln.Close() })
	return Target{Network: network, Address: ln.Addr().String()}
}

func TestSocketsHaveTheirOptions(t *testing.T) {
	for _, network := range []string{"tcp", "udp"} {
		for _, host := range []string{"127.0.0.1", "::1"} {
			for discovery, want := range map[Discovery]int{DiscoverDo: 2, DiscoverWant: 1, DiscoverDont: 0} { // ip(7), linux/in.h
				t.Run(network+" "+host+" "+string(discovery), func(t *testing.T) {
					target := listenOn(t, network, host)
					target.Socket = Socket{Interface: "lo", TOS: 0xb8, Discovery: discovery}
					if err := target.Socket.Check(network); err != nil {
						t.Fatal(err)
					}
					conn, err := target.Dial(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					defer conn.Close()
					level, tos, discover := unix.IPPROTO_IP, unix.IP_TOS, unix.IP_MTU_DISCOVER
					if host == "::1" {
						level, tos, discover = unix.IPPROTO_IPV6, unix.IPV6_TCLASS, unix.IPV6_MTU_DISCOVER
					}
					if got := option(t, conn, level, tos); got != 0xb8 {
						t.Errorf("TOS: got %#x, want 0xb8", got)
					}
					if got := option(t, conn, level, discover); got != want {
						t.Errorf("path MTU discovery: got %d, want %d", got, want)
					}
					if got := boundTo(t, conn); got != "lo" {
						t.Errorf("the socket is bound to %q, want lo", got)
					}
				})
			}
		}
	}
}

func TestSocketsWithoutOptionsHaveTheDefaults(t *testing.T) {
	target := listenOn(t, "udp", "127.0.0.1")
	plain, err := net.Dial("udp", target.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	conn, err := target.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, name := range []int{unix.IP_TOS, unix.IP_MTU_DISCOVER, unix.IP_RECVTTL} {
		if got, want := option(t, conn, unix.IPPROTO_IP, name), option(t, plain, unix.IPPROTO_IP, name); got != want {
			t.Errorf("option %d: got %d, want %d", name, got, want)
		}
	}
}

// TestTCPKeepsECN: the two lower bits of the TOS byte belong to TCP.
func TestTCPKeepsECN(t *testing.T) {
	target := listenOn(t, "tcp", "127.0.0.1")
	target.Socket.TOS = 0xb9
	conn, err := target.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := option(t, conn, unix.IPPROTO_IP, unix.IP_TOS); got != 0xb8 {
		t.Errorf("got %#x, want 0xb8", got)
	}
}

func TestUnknownInterfaceIsAUsageError(t *testing.T) {
	err := Socket{Interface: "none0"}.Check("tcp")
	if _, ok := err.(*usage.Error); !ok || !strings.Contains(err.Error(), "lo") {
		t.Errorf("got %v, want an error that lists lo", err)
	}
}

func TestDatagramOverLoopbackArrivesWithTTL64(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			server, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
			if err != nil {
				skip(t, "%v", err)
			}
			defer server.Close()
			target := Target{Network: "udp", Address: server.LocalAddr().String(), ReceiveTTL: true}
			conn, err := target.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := server.WriteTo([]byte("one"), conn.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 10)
			if n, got, err := Read(conn, buf); n != 3 || got.TTL != 64 || err != nil {
				t.Errorf("got %d bytes with TTL %d, %v; want 3 with 64", n, got.TTL, err)
			}
		})
	}
}

// TestDatagramThatIsTooLongHasTheMTU runs in a network with an MTU of 1400 bytes.
func TestDatagramThatIsTooLongHasTheMTU(t *testing.T) {
	inNewNetwork(t, "1400")
	for host, headers := range map[string]int{"127.0.0.1": 28, "::1": 48} {
		target := listenOn(t, "udp", host)
		target.Socket.Discovery = DiscoverDo
		conn, err := target.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write(make([]byte, 1400-headers)); err != nil {
			t.Errorf("%s: %v, but the datagram fits", host, err)
		}
		_, err = conn.Write(make([]byte, 1401-headers))
		if got, ok := err.(*TooLongError); !ok || got.MTU != 1400 || got.Max != 1400-headers || Classify(err) != TooLong {
			t.Errorf("%s: got %v of class %q, want a TooLongError of class %q with MTU 1400", host, err, Classify(err), TooLong)
		}
	}
}

func TestASocketForDatagramsHoldsThoseThatArriveWhileTheMachineIsBusy(t *testing.T) {
	for _, target := range []Target{{}, {ReceiveTTL: true}} {
		target.Network, target.Address = "udp", "127.0.0.1:9"
		conn, err := target.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		most, err := os.ReadFile("/proc/sys/net/core/rmem_max")
		if err != nil {
			t.Fatal(err)
		}
		want, err := strconv.Atoi(strings.TrimSpace(string(most)))
		if err != nil {
			t.Fatal(err)
		}
		want = 2 * min(want, DatagramQueue) // socket(7): the kernel doubles it
		if got := option(t, conn, unix.SOL_SOCKET, unix.SO_RCVBUF); got != want {
			t.Errorf("receive TTL %t: got a receive buffer of %d bytes, want %d", target.ReceiveTTL, got, want)
		}
	}
}
