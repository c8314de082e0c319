package dial

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
)

// inNewNetwork moves the rest of the test into a network that has only a loopback, with
// that MTU. It never unlocks the thread, so the namespace ends with the goroutine
// (network_namespaces(7)).
func inNewNetwork(t *testing.T, mtu string) {
	t.Helper()
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		skip(t, "a network namespace of its own: %v", os.NewSyscallError("unshare", err))
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up", "mtu", mtu).CombinedOutput(); err != nil {
		skip(t, "ip link set lo up mtu %s: %v: %s", mtu, err, out)
	}
}

// skip skips a test that cannot run on this machine. With ECHOD_REQUIRE it fails.
func skip(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("ECHOD_REQUIRE") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// TestTargetsDoNotShareThePortsOfASource has a network with two local ports, and two
// services.
func TestTargetsDoNotShareThePortsOfASource(t *testing.T) {
	inNewNetwork(t, "65536")
	var targets []Target
	for range 2 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		targets = append(targets, Target{Network: "tcp", Address: ln.Addr().String(), Source: netip.MustParseAddr("127.0.0.2")})
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("30000 30001"), 0o644); err != nil {
		t.Fatal(err)
	}
	dial := func(to Target) error {
		conn, err := to.Dial(t.Context())
		if err == nil {
			t.Cleanup(func() { conn.Close() })
		}
		return err
	}
	for i, to := range targets {
		for range 2 {
			if err := dial(to); err != nil {
				t.Fatalf("service %d: %v, but no connection to it uses the port", i+1, err)
			}
		}
	}
	if err := dial(targets[0]); Classify(err) != Local {
		t.Errorf("a third connection to one service: got %v of class %q, want class %q", err, Classify(err), Local)
	}
}

// TestDatagramsWithoutAPortAreALocalError: without a free port, connect(2) of a socket for
// datagrams returns EAGAIN, which package net calls a timeout.
func TestDatagramsWithoutAPortAreALocalError(t *testing.T) {
	t.Parallel()
	inNewNetwork(t, "65536")
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("30000 30001"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, source := range []netip.Addr{{}, netip.MustParseAddr("127.0.0.2")} {
		for i := range 3 {
			conn, err := Target{Network: "udp", Address: "127.0.0.1:7", Source: source}.Dial(t.Context())
			if err == nil {
				defer conn.Close()
			}
			if got := Classify(err); (got == Local) != (i == 2) {
				t.Errorf("from %v, socket %d: got %v of class %q, want class %q for the third only", source, i+1, err, got, Local)
			}
		}
	}
}

// TestSYNsThatAreSentAgainAreCounted drops the first SYN. The kernel sends the next one
// after a second (RFC 6298, section 2).
func TestSYNsThatAreSentAgainAreCounted(t *testing.T) {
	t.Parallel()
	inNewNetwork(t, "65536")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if out, err := exec.Command("iptables", "-A", "OUTPUT", "-p", "tcp", "--syn", "-m", "statistic", "--mode", "nth", "--every", "2", "--packet", "0", "-j", "DROP").CombinedOutput(); err != nil {
		skip(t, "iptables: %v: %s", err, out)
	}
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if n := Retransmits(conn); n != 1 {
		t.Errorf("got %d, want 1", n)
	}
}
