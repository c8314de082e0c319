package ping_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"echod/internal/ping"
)

// ownNetwork moves the rest of the test into a network of its own, with a loopback
// and nothing else. It never unlocks the thread, so the namespace ends with the
// goroutine (network_namespaces(7)).
func ownNetwork(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		skip(t, "a network namespace of its own: %v", os.NewSyscallError("unshare", err))
	}
	configure(t, "ip link set lo up")
}

// skip skips a test that cannot run on this machine. With ECHOD_REQUIRE it fails.
func skip(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("ECHOD_REQUIRE") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// configure runs a command of the system in the test's network and returns what it
// says. One that is not installed is a reason to skip; one that fails is not.
func configure(t *testing.T, line string) string {
	t.Helper()
	words := strings.Fields(line)
	out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		skip(t, "the command %s is not there", words[0])
	}
	if err != nil {
		t.Fatalf("%s: %v: %s", line, err, out)
	}
	return string(out)
}

// TestLossAgreesWithTheKernelsCount puts probes through a rule that drops every
// third datagram to the service, and one that drops every fifth from it.
func TestLossAgreesWithTheKernelsCount(t *testing.T) {
	ownNetwork(t)
	// All sockets are made by this goroutine, whose network is the other one.
	server, err := net.ListenPacket("udp", "127.0.0.1:7007")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			server.WriteTo(buf[:n], from)
		}
	}()
	configure(t, "iptables -A INPUT -p udp --dport 7007 -m statistic --mode nth --every 3 --packet 0 -j DROP")
	configure(t, "iptables -A INPUT -p udp --sport 7007 -m statistic --mode nth --every 5 --packet 0 -j DROP")

	const count = 60
	client, err := net.Dial("udp", "127.0.0.1:7007")
	if err != nil {
		t.Fatal(err)
	}
	tally := ping.NewTally()
	run(t, ping.Config{
		Target: ping.Target{Network: "udp", Address: "127.0.0.1:7007", Via: func(context.Context) (net.Conn, error) { return client, nil }}, Count: count,
		Interval: time.Millisecond, Timeout: 2 * time.Second, Size: 64, OnProbe: tally.Probe,
	})
	got := tally.Summary()
	dropped := dropped(t)
	if got.Sent != count || got.Lost-got.Late != dropped || got.Received+got.Late != count-dropped || got.Duplicated+got.Foreign+got.Corrupt > 0 {
		t.Errorf("got %+v; the kernel says that it dropped %d of %d", got, dropped, count)
	}
	if want := int64(count/3 + count*2/3/5); dropped != want {
		t.Errorf("the kernel dropped %d, want %d: is something else in this network?", dropped, want)
	}
}

// dropped is how many packets the rules of INPUT have taken.
func dropped(t *testing.T) int64 {
	t.Helper()
	var sum int64
	for line := range strings.Lines(configure(t, "iptables -nvxL INPUT")) {
		words := strings.Fields(line)
		if len(words) > 2 && words[2] == "DROP" {
			n, err := strconv.ParseInt(words[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += n
		}
	}
	return sum
}
