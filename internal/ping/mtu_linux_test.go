package ping_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/dial"
	"echod/internal/ping"
)

// echoUntilTheEnd answers datagrams at a socket until the test ends. change may change them.
func echoUntilTheEnd(t *testing.T, socket net.PacketConn, change func([]byte) []byte) {
	t.Cleanup(func() { socket.Close() })
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, from, err := socket.ReadFrom(buf)
			if err != nil {
				return
			}
			socket.WriteTo(change(buf[:n]), from)
		}
	}()
}

func unchanged(p []byte) []byte { return p }

// serve starts an echo in the network of the calling goroutine.
func serve(t *testing.T, host string, change func([]byte) []byte) ping.MTUConfig {
	t.Helper()
	socket, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	echoUntilTheEnd(t, socket, change)
	return ping.MTUConfig{Target: ping.Target{Network: "udp", Address: socket.LocalAddr().String()}, Timeout: 500 * time.Millisecond}
}

func search(t *testing.T, c ping.MTUConfig) ping.MTU {
	t.Helper()
	found, err := ping.SearchMTU(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestMTUOfTheInterfaceIsFound(t *testing.T) {
	t.Parallel()
	ownNetwork(t)
	configure(t, "ip link set lo mtu 1400")
	for host, headers := range map[string]int{"127.0.0.1": 28, "::1": 48} {
		found := search(t, serve(t, host, unchanged))
		if found.Payload != 1400-headers || found.Packet() != 1400 || found.Limit != ping.SizeLocal || found.Kernel != 1400 {
			t.Errorf("%s: got %+v, want a packet of 1400 bytes with the limit %q", host, found, ping.SizeLocal)
		}
	}
}

// TestMTUBlackHoleIsFound has an interface with an MTU of 1500 bytes, and drops longer
// packets than 1400 bytes without an ICMP message.
func TestMTUBlackHoleIsFound(t *testing.T) {
	t.Parallel()
	ownNetwork(t)
	configure(t, "ip link set lo mtu 1500")
	configure(t, "iptables -A INPUT -p udp -m length --length 1401:65535 -j DROP")
	found := search(t, serve(t, "127.0.0.1", unchanged))
	if found.Payload != 1372 || found.Limit != ping.SizeSilent || found.Kernel != 1500 {
		t.Errorf("got %+v, want 1372 bytes with the limit %q, and a kernel that knows nothing", found, ping.SizeSilent)
	}
}

// TestMTUSearchDoesNotTakeLossForALimit drops two of three datagrams to the service.
func TestMTUSearchDoesNotTakeLossForALimit(t *testing.T) {
	t.Parallel()
	ownNetwork(t)
	configure(t, "ip link set lo mtu 1400")
	c := serve(t, "127.0.0.1", unchanged)
	_, port, _ := net.SplitHostPort(c.Target.Address)
	for _, every := range []string{"3", "2"} {
		configure(t, "iptables -A INPUT -p udp --dport "+port+" -m statistic --mode nth --every "+every+" --packet 0 -j DROP")
	}
	found := search(t, c)
	if found.Payload != 1372 || found.Lost == 0 || found.Sent-found.Lost != 2 {
		t.Errorf("got %+v, want 1372 bytes after losses, with two answers", found)
	}
}

func TestMTUSearchReportsTruncatedAnswers(t *testing.T) {
	t.Parallel()
	c := serve(t, "127.0.0.1", func(p []byte) []byte { return p[:min(len(p), 1000)] })
	found, err := ping.SearchMTU(t.Context(), c)
	wrong, ok := errors.AsType[*ping.WrongError](err)
	if !ok || wrong.Offset != 1000 || found.Payload != ping.MinSize {
		t.Errorf("got %+v, %v; want a wrong byte at 1000", found, err)
	}
}

func TestMTUSearchNeedsAService(t *testing.T) {
	t.Parallel()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	socket.Close()
	c := ping.MTUConfig{Target: ping.Target{Network: "udp", Address: socket.LocalAddr().String()}, Timeout: 10 * time.Millisecond}
	_, err = ping.SearchMTU(t.Context(), c)
	if unreachable, ok := errors.AsType[*dial.UnreachableError](err); !ok || unreachable.Class != dial.Refused {
		t.Errorf("got %v, want a dial.UnreachableError of class %q", err, dial.Refused)
	}
}

func TestMTUSearchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	c := ping.MTUConfig{Target: ping.Target{Network: "udp", Address: silent.LocalAddr().String()}, Timeout: time.Hour}
	if _, err := ping.SearchMTU(ctx, c); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
}

// network is a network namespace, which ends with the test. Its goroutine runs what is sent
// to do.
type network struct {
	tid int
	do  chan func() error
	err chan error
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{do: make(chan func() error), err: make(chan error)}
	t.Cleanup(func() { close(n.do) })
	go func() {
		runtime.LockOSThread() // and not unlocked: the thread ends with its namespace
		for f := range n.do {
			n.err <- f()
		}
	}()
	err := n.run(func() error {
		n.tid = syscall.Gettid()
		return os.NewSyscallError("unshare", syscall.Unshare(syscall.CLONE_NEWNET))
	})
	if err != nil {
		skip(t, "a network namespace: %v", err)
	}
	return n
}

func (n *network) run(f func() error) error {
	n.do <- f
	return <-n.err
}

// configure runs commands in the network.
func (n *network) configure(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		words := strings.Fields(line)
		err := n.run(func() error {
			out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%s: %w: %s", line, err, bytes.TrimSpace(out))
			}
			return nil
		})
		if errors.Is(err, exec.ErrNotFound) {
			skip(t, "%v", err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestPathThroughARouter has a router between this network, with an MTU of 1500 bytes, and
// that of the service, with an MTU of 1400.
func TestPathThroughARouter(t *testing.T) {
	t.Parallel()
	router, far := newNetwork(t), newNetwork(t)
	ownNetwork(t)
	configure(t, fmt.Sprintf("ip link add c0 type veth peer name r0 netns %d", router.tid))
	configure(t, "ip address add 10.0.0.1/24 dev c0")
	configure(t, "ip link set c0 up")
	router.configure(t, fmt.Sprintf("ip link add r1 mtu 1400 type veth peer name s0 mtu 1400 netns %d", far.tid),
		"ip address add 10.0.0.2/24 dev r0", "ip address add 10.0.1.2/24 dev r1", "ip link set r0 up", "ip link set r1 up")
	far.configure(t, "ip address add 10.0.1.1/24 dev s0", "ip link set s0 up", "ip route add default via 10.0.1.2")
	configure(t, "ip route add default via 10.0.0.2")
	if err := router.run(func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644) }); err != nil {
		t.Fatal(err)
	}
	if err := far.run(func() error {
		socket, err := net.ListenPacket("udp", "10.0.1.1:7007")
		if err == nil {
			echoUntilTheEnd(t, socket, unchanged)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	target := ping.Target{Network: "udp", Address: "10.0.1.1:7007"}
	if probes, _ := pingHere(t, target, 64); probes[0].TTL != 63 || ping.Hops(probes[0].TTL) != 1 {
		t.Errorf("got %+v, want TTL 63: the router takes 1", probes[0])
	}
	probes, conns := pingHere(t, target, 1472)
	if p := probes[0]; p.Class != dial.TooLong || !strings.Contains(fmt.Sprint(p.Err), "MTU of 1400 bytes") || conns != 1 {
		t.Errorf("got %+v and %d events of the socket, want a probe that is too long for an MTU of 1400 bytes, and 1", p, conns)
	}
	if p := probes[1]; p.Class != dial.TooLong {
		t.Errorf("got %+v, want a second probe that the kernel refuses", p)
	}
	configure(t, "ip route flush cache") // the kernel forgets what it has learned
	fates := map[int]ping.SizeFate{}
	found := search(t, ping.MTUConfig{Target: target, Timeout: 500 * time.Millisecond, OnSize: func(s ping.MTUSize) { fates[s.Payload] = s.Fate }})
	want := map[int]ping.SizeFate{32: ping.SizeAnswered, 1472: ping.SizeICMP, 1372: ping.SizeAnswered, 1373: ping.SizeICMP}
	if diff := cmp.Diff(want, fates); diff != "" {
		t.Errorf("sizes (-want +got)\n%s", diff)
	}
	if found.Payload != 1372 || found.Limit != ping.SizeICMP || found.KernelBefore != 1500 || found.Kernel != 1400 {
		t.Errorf("got %+v, want 1372 bytes with the limit %q", found, ping.SizeICMP)
	}
}

// pingHere sends two datagrams that must not be fragmented, on a socket of the calling
// goroutine's network.
func pingHere(t *testing.T, target ping.Target, size int) (probes []ping.Probe, conns int) {
	t.Helper()
	target.Socket.Discovery, target.ReceiveTTL = dial.DiscoverDo, true
	conn, err := target.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	run(t, ping.Config{
		Target: ping.Target{Network: "udp", Address: target.Address, Via: func(context.Context) (net.Conn, error) { return conn, nil }}, Count: 2, Interval: 200 * time.Millisecond, Timeout: 10 * time.Second, Size: size,
		OnProbe: func(p ping.Probe) { probes = append(probes, p) },
		OnConn:  func(ping.ConnEvent) { conns++ },
	})
	if len(probes) != 2 {
		t.Fatalf("got %+v, want two probes", probes)
	}
	return probes, conns
}
