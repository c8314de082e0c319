package sock

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// someone asked.
var someone = netip.MustParseAddr("192.0.2.9")

var compareAddrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// A wildcard socket is asked on each of its addresses and must answer from the
// one that was asked: the asker is connected, so it hears no other.
func TestPktInfoAnswersFromTheAddressAsked(t *testing.T) {
	tests := []struct {
		name   string
		listen string
		asked  string
		from   string // where the asker is bound
	}{
		{"ipv4", "0.0.0.0:0", "127.0.0.1", ""},
		{"ipv4 second address", "0.0.0.0:0", "127.0.0.2", ""},
		{"ipv4 second address, asker on a third", "0.0.0.0:0", "127.0.0.2", "127.0.0.3"},
		{"ipv6", "[::]:0", "::1", ""},
		{"dual stack, ipv6", ":0", "::1", ""},
		{"dual stack, mapped ipv4 second address", ":0", "127.0.0.2", ""},
		{"one address", "127.0.0.2:0", "127.0.0.2", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := listenPktInfo(t, tt.listen)
			asker := dial(t, netip.AddrPortFrom(netip.MustParseAddr(tt.asked), server.LocalAddr().(*net.UDPAddr).AddrPort().Port()), tt.from)
			if _, err := asker.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			got := answer(t, server)
			want := PktInfo{Dst: netip.MustParseAddr(tt.asked), Index: loopbackIndex(t)}
			if diff := cmp.Diff(want, got, compareAddrs); diff != "" {
				t.Errorf("PktInfo (-want +got):\n%s", diff)
			}
			reply := make([]byte, 16)
			asker.SetReadDeadline(time.Now().Add(10 * time.Second))
			n, err := asker.Read(reply)
			if err != nil || string(reply[:n]) != "hello" {
				t.Errorf("the asker, connected to %s: got %q, %v; want %q", tt.asked, reply[:n], err, "hello")
			}
		})
	}
}

func TestPktInfoTellsTheHeadersDestination(t *testing.T) {
	in4 := unix.Inet4Pktinfo{Ifindex: 3, Spec_dst: [4]byte{10, 0, 0, 1}, Addr: [4]byte{10, 0, 0, 255}}
	control := make([]byte, ControlSize)
	n := put(control, unix.IPPROTO_IP, unix.IP_PKTINFO, bytesOf(&in4))
	want := PktInfo{Dst: netip.MustParseAddr("10.0.0.255"), Index: 3}
	if diff := cmp.Diff(want, ParseControl(control[:n]), compareAddrs); diff != "" {
		t.Errorf("a broadcast (-want +got):\n%s", diff)
	}
}

func TestPktInfoPinsTheInterfaceOnlyOfLinkLocalAddresses(t *testing.T) {
	tests := []struct {
		dst, to string
		want    uint32
	}{
		{"127.0.0.2", "127.0.0.1", 0},
		{"192.0.2.1", "198.51.100.9", 0},
		{"2001:db8::1", "2001:db8::9", 0},
		{"fe80::1", "fe80::9", 7},
		{"fe80::1", "2001:db8::9", 7},
		{"2001:db8::1", "fe80::9%7", 7},
		{"192.0.2.1", "169.254.0.9", 7},
		{"192.0.2.1", "::ffff:169.254.0.9", 7},
		{"169.254.0.1", "192.0.2.9", 7},
		{"192.0.2.1", "169.253.255.255", 0},
	}
	for _, tt := range tests {
		t.Run(tt.dst+" to "+tt.to, func(t *testing.T) {
			control := make([]byte, ControlSize)
			info := PktInfo{Dst: netip.MustParseAddr(tt.dst), Index: 7}
			n := PutControl(control, info, netip.MustParseAddr(tt.to))
			if got := ParseControl(control[:n]).Index; got != tt.want {
				t.Errorf("got interface %d, want %d", got, tt.want)
			}
		})
	}
}

func TestPktInfoOfNothingIsNothing(t *testing.T) {
	for _, control := range [][]byte{nil, {1, 2, 3}, make([]byte, ControlSize)} {
		if got := ParseControl(control); got != (PktInfo{}) {
			t.Errorf("ParseControl(% x) = %v, want the zero PktInfo", control, got)
		}
	}
	if got := PutControl(make([]byte, ControlSize), PktInfo{}, someone); got != 0 {
		t.Errorf("PutControl of the zero PktInfo wrote %d bytes, want 0", got)
	}
}

// TestPktInfoIsFoundAmongOthers: beside an empty message, and without the padding
// behind the last one.
func TestPktInfoIsFoundAmongOthers(t *testing.T) {
	control := make([]byte, 2*ControlSize)
	n := put(control, unix.SOL_SOCKET, unix.SO_TIMESTAMP, nil)
	info := PktInfo{Dst: netip.MustParseAddr("10.1.2.3")}
	put(control[n:], unix.IPPROTO_IP, unix.IP_PKTINFO, bytesOf(&unix.Inet4Pktinfo{Addr: info.Dst.As4()}))
	end := n + sizeofHeader + unix.SizeofInet4Pktinfo
	if got := ParseControl(control[:end]); got != info {
		t.Errorf("got %v, want %v", got, info)
	}
	if got := ParseControl(control[:end-1]); got != (PktInfo{}) {
		t.Errorf("cut short: got %v, want the zero PktInfo", got)
	}
	put(control, unix.IPPROTO_IP, unix.IP_PKTINFO, make([]byte, unix.SizeofInet4Pktinfo-1))
	if got := ParseControl(control[:ControlSize/2]); got != (PktInfo{}) {
		t.Errorf("too short a message: got %v, want the zero PktInfo", got)
	}
}

func TestControlMessagesAreAlignedToAWord(t *testing.T) {
	if wordSize != 8 {
		t.Skipf("a word has %d bytes here", wordSize)
	}
	for n, want := range map[int]int{0: 0, 1: 8, 8: 8, 9: 16, 28: 32, 36: 40, 40: 40} {
		if got := aligned(n); got != want {
			t.Errorf("%d: got %d, want %d", n, got, want)
		}
	}
}

func TestPktInfoAllocatesNothing(t *testing.T) {
	control := make([]byte, ControlSize)
	for _, dst := range []string{"127.0.0.2", "fe80::1"} {
		info := PktInfo{Dst: netip.MustParseAddr(dst), Index: 1}
		if got := testing.AllocsPerRun(100, func() { ParseControl(control[:PutControl(control, info, someone)]) }); got != 0 {
			t.Errorf("%s: got %v allocations, want 0", dst, got)
		}
	}
}

// Whatever bytes the kernel could ever hand over, parsing reads only them.
func FuzzParseControl(f *testing.F) {
	control := make([]byte, ControlSize)
	f.Add(control[:PutControl(control, PktInfo{Dst: netip.MustParseAddr("10.1.2.3")}, someone)])
	f.Add(control[:PutControl(control, PktInfo{Dst: netip.MustParseAddr("2001:db8::1")}, someone)])
	f.Fuzz(func(t *testing.T, control []byte) {
		info := ParseControl(control)
		if info.Dst.Is4In6() {
			t.Errorf("got %v, want it unmapped", info.Dst)
		}
		again := make([]byte, ControlSize)
		if got := ParseControl(again[:PutControl(again, info, someone)]).Dst; info.Dst.Is6() && got != info.Dst {
			t.Errorf("written and read again: got %v, want %v", got, info.Dst)
		}
	})
}

func listenPktInfo(t *testing.T, addr string) *net.UDPConn {
	t.Helper()
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { return ReceivePktInfo(c) }}
	conn, err := config.ListenPacket(context.Background(), "udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.UDPConn)
}

func dial(t *testing.T, to netip.AddrPort, from string) *net.UDPConn {
	t.Helper()
	var local *net.UDPAddr
	if from != "" {
		local = &net.UDPAddr{IP: net.ParseIP(from)}
	}
	conn, err := net.DialUDP("udp", local, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// answer echoes one datagram and returns what its control data said.
func answer(t *testing.T, server *net.UDPConn) PktInfo {
	t.Helper()
	server.SetReadDeadline(time.Now().Add(10 * time.Second))
	payload, control := make([]byte, 64), make([]byte, ControlSize)
	n, size, flags, from, err := server.ReadMsgUDPAddrPort(payload, control)
	if err != nil {
		t.Fatal(err)
	}
	if flags&unix.MSG_CTRUNC != 0 {
		t.Errorf("the control data was cut: ControlSize = %d is too little", ControlSize)
	}
	info := ParseControl(control[:size])
	if _, _, err := server.WriteMsgUDPAddrPort(payload[:n], control[:PutControl(control, info, from.Addr())], from); err != nil {
		t.Fatal(err)
	}
	return info
}

func loopbackIndex(t *testing.T) uint32 {
	t.Helper()
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	return uint32(lo.Index)
}
