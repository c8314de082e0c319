package sock

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// clientAddr is the address of a client on another machine.
var clientAddr = netip.MustParseAddr("192.0.2.9")

var compareAddrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// TestAnswerComesFromTheAddressThatTheDatagramWasSentTo sends a datagram to each address of
// a wildcard socket. The answer must come from the same address:
// the client is connected, so it receives from no other address.
func TestAnswerComesFromTheAddressThatTheDatagramWasSentTo(t *testing.T) {
	tests := []struct {
		name   string
		listen string
		sentTo string
		from   string // the address of the client
	}{
		{"ipv4", "0.0.0.0:0", "127.0.0.1", ""},
		{"ipv4 second address", "0.0.0.0:0", "127.0.0.2", ""},
		{"ipv4 second address, client on a third", "0.0.0.0:0", "127.0.0.2", "127.0.0.3"},
		{"ipv6", "[::]:0", "::1", ""},
		{"dual stack, ipv6", ":0", "::1", ""},
		{"dual stack, mapped ipv4 second address", ":0", "127.0.0.2", ""},
		{"one address", "127.0.0.2:0", "127.0.0.2", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := listenPktInfo(t, tt.listen)
			client := dial(t, netip.AddrPortFrom(netip.MustParseAddr(tt.sentTo), server.LocalAddr().(*net.UDPAddr).AddrPort().Port()), tt.from)
			if _, err := client.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			got := answer(t, server)
			want := PktInfo{Dst: netip.MustParseAddr(tt.sentTo), Index: loopbackIndex(t)}
			if diff := cmp.Diff(want, got, compareAddrs); diff != "" {
				t.Errorf("PktInfo (-want +got):\n%s", diff)
			}
			reply := make([]byte, 16)
			client.SetReadDeadline(time.Now().Add(10 * time.Second))
			n, err := client.Read(reply)
			if err != nil || string(reply[:n]) != "hello" {
				t.Errorf("the client, connected to %s: got %q, %v; want %q", tt.sentTo, reply[:n], err, "hello")
			}
		})
	}
}

func TestPktInfoHasTheDestinationOfTheHeader(t *testing.T) {
	in4 := unix.Inet4Pktinfo{Ifindex: 3, Spec_dst: [4]byte{10, 0, 0, 1}, Addr: [4]byte{10, 0, 0, 255}}
	control := make([]byte, ControlSize)
	n := put(control, unix.IPPROTO_IP, unix.IP_PKTINFO, bytesOf(&in4))
	want := PktInfo{Dst: netip.MustParseAddr("10.0.0.255"), Index: 3}
	if diff := cmp.Diff(want, ParseControl(control[:n]), compareAddrs); diff != "" {
		t.Errorf("a broadcast (-want +got):\n%s", diff)
	}
}

func TestInterfaceIsSetOnlyForLinkLocalAddresses(t *testing.T) {
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

func TestPktInfoWithoutControlMessageIsZero(t *testing.T) {
	for _, control := range [][]byte{nil, {1, 2, 3}, make([]byte, ControlSize)} {
		if got := ParseControl(control); got != (PktInfo{}) {
			t.Errorf("ParseControl(% x) = %v, want the zero PktInfo", control, got)
		}
	}
	if got := PutControl(make([]byte, ControlSize), PktInfo{}, clientAddr); got != 0 {
		t.Errorf("PutControl of the zero PktInfo wrote %d bytes, want 0", got)
	}
}

// TestParseControlIgnoresOtherMessages: an empty message before, and no padding
// after the last one.
func TestParseControlIgnoresOtherMessages(t *testing.T) {
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

// TestATrainHasTheSizeOfItsDatagrams: UDP_GRO says it of a train that was received, and
// UDP_SEGMENT of one that is sent.
func TestATrainHasTheSizeOfItsDatagrams(t *testing.T) {
	for _, dst := range []netip.Addr{{}, netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("2001:db8::1")} {
		info := PktInfo{Dst: dst, Segment: 1400}
		sent := make([]byte, ControlSize)
		n := PutControl(sent, info, clientAddr)
		messages, err := unix.ParseSocketControlMessage(sent[:n])
		if err != nil {
			t.Fatal(err)
		}
		last := messages[len(messages)-1]
		if last.Header.Level != unix.IPPROTO_UDP || last.Header.Type != unix.UDP_SEGMENT || len(last.Data) != 2 || binary.NativeEndian.Uint16(last.Data) != 1400 {
			t.Errorf("from %v: got %v, want UDP_SEGMENT of 1400", dst, messages)
		}
		received := make([]byte, ControlSize)
		size := int32(1400)
		n = put(received, unix.IPPROTO_UDP, unix.UDP_GRO, bytesOf(&size))
		n += PutControl(received[n:], PktInfo{Dst: dst}, clientAddr)
		if got := ParseControl(received[:n]); got.Segment != 1400 || dst.Is6() && got.Dst != dst {
			t.Errorf("got %v, want %v", got, info)
		}
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

func TestControlMessagesAllocateNothing(t *testing.T) {
	control := make([]byte, ControlSize)
	for _, dst := range []string{"127.0.0.2", "fe80::1"} {
		info := PktInfo{Dst: netip.MustParseAddr(dst), Index: 1}
		if got := testing.AllocsPerRun(100, func() { ParseControl(control[:PutControl(control, info, clientAddr)]) }); got != 0 {
			t.Errorf("%s: got %v allocations, want 0", dst, got)
		}
	}
}

// FuzzParseControl parses any bytes: it must not read beyond them.
func FuzzParseControl(f *testing.F) {
	control := make([]byte, ControlSize)
	f.Add(control[:PutControl(control, PktInfo{Dst: netip.MustParseAddr("10.1.2.3")}, clientAddr)])
	f.Add(control[:PutControl(control, PktInfo{Dst: netip.MustParseAddr("2001:db8::1")}, clientAddr)])
	f.Fuzz(func(t *testing.T, control []byte) {
		info := ParseControl(control)
		if info.Dst.Is4In6() {
			t.Errorf("got %v, want it unmapped", info.Dst)
		}
		again := make([]byte, ControlSize)
		if got := ParseControl(again[:PutControl(again, info, clientAddr)]).Dst; info.Dst.Is6() && got != info.Dst {
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

// answer echoes one datagram and returns its PktInfo.
func answer(t *testing.T, server *net.UDPConn) PktInfo {
	t.Helper()
	server.SetReadDeadline(time.Now().Add(10 * time.Second))
	payload, control := make([]byte, 64), make([]byte, ControlSize)
	n, size, flags, from, err := server.ReadMsgUDPAddrPort(payload, control)
	if err != nil {
		t.Fatal(err)
	}
	if flags&unix.MSG_CTRUNC != 0 {
		t.Errorf("the control messages were cut: ControlSize = %d is too small", ControlSize)
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

// fakeVRFs returns a system with eth0, with a VRF red that has eth1, and with a bridge br0
// that has eth2.
func fakeVRFs(t *testing.T) *vrfs {
	t.Helper()
	v := &vrfs{sys: t.TempDir(), accept: filepath.Join(t.TempDir(), "udp_l3mdev_accept")}
	for _, link := range []struct {
		name, kind, master string
		number             int
	}{{"eth0", "", "", 2}, {"eth1", "", "red", 3}, {"eth2", "", "br0", 4}, {"red", "vrf", "", 5}, {"br0", "bridge", "", 6}, {"broken", "vrf", "", 0}} {
		dir := filepath.Join(v.sys, link.name)
		os.Mkdir(dir, 0o700)
		os.WriteFile(filepath.Join(dir, "ifindex"), []byte(strconv.Itoa(link.number)+"\n"), 0o600)
		os.WriteFile(filepath.Join(dir, "uevent"), []byte("DEVTYPE="+link.kind+"\nINTERFACE="+link.name+"\n"), 0o600)
		if link.master != "" {
			os.Symlink("../"+link.master, filepath.Join(dir, "master"))
		}
	}
	return v
}

func (v *vrfs) set(text string) {
	os.WriteFile(v.accept, []byte(text), 0o600)
	v.refresh()
}

func TestInterfaceBelongsToTheVRFOfItsMaster(t *testing.T) {
	v := fakeVRFs(t)
	v.set("1\n")
	for index, want := range map[uint32]uint32{0: 0, 2: 0, 3: 5, 4: 0, 5: 5, 6: 0, 9: 0} {
		if got := v.of(index); got != want {
			t.Errorf("interface %d: got VRF %d, want %d", index, got, want)
		}
	}
	if len(v.scan()) != 2 {
		t.Errorf("got %v, want two entries", v.scan())
	}
}

func TestVRFsAreIgnoredUnlessSocketsReceiveFromThem(t *testing.T) {
	v := fakeVRFs(t)
	for text, want := range map[string]uint32{"0\n": 0, "1\n": 5, "": 0} {
		if v.set(text); v.of(3) != want {
			t.Errorf("udp_l3mdev_accept is %q: got VRF %d, want %d", text, v.of(3), want)
		}
	}
	v.set("1\n")
	os.Remove(v.accept)
	if v.refresh(); v.of(3) != 0 {
		t.Error("without the setting, there is a VRF: want none")
	}
}

func TestVRFTableIsReadAgainWhenItIsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := fakeVRFs(t)
		v.set("1\n")
		if got := v.of(3); got != 5 {
			t.Fatalf("got VRF %d, want 5", got)
		}
		os.Remove(filepath.Join(v.sys, "eth1", "master"))
		time.Sleep(10 * time.Second)
		if got := v.of(3); got != 5 {
			t.Errorf("before vrfTableAge: got VRF %d, want 5", got)
		}
		time.Sleep(time.Nanosecond)
		if got := v.of(3); got != 0 {
			t.Errorf("after vrfTableAge: got VRF %d, want none", got)
		}
	})
}

// TestAnswerLeavesByTheVRF sets the system's VRFs, so it is not parallel.
func TestAnswerLeavesByTheVRF(t *testing.T) {
	v := fakeVRFs(t)
	before := systemVRFs.sys
	t.Cleanup(func() {
		systemVRFs.sys = before
		systemVRFs.table.Store(nil)
		systemVRFs.refresh()
	})
	systemVRFs.sys = v.sys
	systemVRFs.table.Store(nil)
	systemVRFs.enabled.Store(true)
	control := make([]byte, ControlSize)
	for _, tt := range []struct {
		dst, to    string
		index, out uint32
	}{
		{"10.0.0.1", "10.0.0.9", 3, 5},
		{"10.0.0.1", "10.0.0.9", 2, 0},
		{"10.0.0.1", "169.254.0.9", 3, 3},
		{"2001:db8::1", "2001:db8::9", 3, 5},
		{"fe80::1", "fe80::9", 3, 3},
	} {
		n := PutControl(control, PktInfo{Dst: netip.MustParseAddr(tt.dst), Index: tt.index}, netip.MustParseAddr(tt.to))
		if got := ParseControl(control[:n]).Index; got != tt.out {
			t.Errorf("%s answers %s by %d: got %d, want %d", tt.dst, tt.to, tt.index, got, tt.out)
		}
	}
}
