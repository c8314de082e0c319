package sock

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

func msec(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// streams are two ends of a unix stream that do not block.
func streams(t *testing.T) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return fds[0], fds[1]
}

func write(t *testing.T, fd int, text string) {
	t.Helper()
	if n, err := unix.Write(fd, []byte(text)); n != len(text) || err != nil {
		t.Fatalf("wrote %d, %v", n, err)
	}
}

func TestPeekLeavesWhatTakeTakes(t *testing.T) {
	here, there := streams(t)
	b := make([]byte, 16)
	if n, errno := (Calls{}).Peek(uintptr(here), b); n != 0 || errno != unix.EAGAIN {
		t.Errorf("before anything came: got %d, %v; want EAGAIN", n, errno)
	}
	write(t, there, "hello")
	for range 2 {
		if n, errno := (Calls{}).Peek(uintptr(here), b); string(b[:n]) != "hello" || errno != 0 {
			t.Errorf("peeked: got %q, %v; want hello", b[:n], errno)
		}
	}
	if errno := (Calls{}).Take(uintptr(here), b[:2]); errno != 0 || string(b[:2]) != "he" {
		t.Errorf("took %q, %v; want he", b[:2], errno)
	}
	if n, _ := (Calls{}).Peek(uintptr(here), b); string(b[:n]) != "llo" {
		t.Errorf("peeked after that: got %q, want llo", b[:n])
	}
	if errno := (Calls{}).Take(uintptr(here), b[:4]); errno != unix.EAGAIN {
		t.Errorf("took more than there is: got %v, want EAGAIN", errno)
	}
	unix.Shutdown(there, unix.SHUT_WR)
	if n, errno := (Calls{}).Peek(uintptr(here), b); n != 0 || errno != 0 {
		t.Errorf("at the end: got %d, %v; want 0 and no error", n, errno)
	}
	if errno := (Calls{}).Take(uintptr(here), b[:1]); errno != unix.ECONNRESET {
		t.Errorf("took at the end: got %v, want ECONNRESET", errno)
	}
}

func TestPassSendsBackWhatArrived(t *testing.T) {
	here, there := streams(t)
	b := make([]byte, 16)
	if n, errno := (Calls{}).Pass(uintptr(here), b); n != 0 || errno != unix.EAGAIN {
		t.Errorf("before anything came: got %d, %v; want EAGAIN", n, errno)
	}
	write(t, there, "hello")
	if n, errno := (Calls{}).Pass(uintptr(here), b[:4]); n != 4 || errno != 0 {
		t.Errorf("passed %d, %v; want 4", n, errno)
	}
	if n, err := unix.Read(there, b); string(b[:n]) != "hell" || err != nil {
		t.Errorf("came back: got %q, %v; want hell", b[:n], err)
	}
	if n, _ := (Calls{}).Peek(uintptr(here), b); string(b[:n]) != "o" {
		t.Errorf("left: got %q, want o", b[:n])
	}
	unix.Shutdown(there, unix.SHUT_RD)
	if n, errno := (Calls{}).Pass(uintptr(here), b); n != 0 || errno != unix.EPIPE {
		t.Errorf("passed to nobody: got %d, %v; want EPIPE", n, errno)
	}
	if n, _ := (Calls{}).Peek(uintptr(here), b); string(b[:n]) != "o" {
		t.Errorf("left after that: got %q, want o", b[:n])
	}
}

func TestKeepUrgentInlineSetsIt(t *testing.T) {
	raw, err := fileOf(t, "tcp4", "127.0.0.1:0").SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := (Calls{}).KeepUrgentInline(raw); err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		if got, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_OOBINLINE); got != 1 || err != nil {
			t.Errorf("SO_OOBINLINE: got %d, %v; want 1", got, err)
		}
	})
}

func TestZonesHaveNamesAndNumbers(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	for zone, want := range map[string]uint32{"": 0, "lo": uint32(lo.Index), "7": 7, "4294967295": 1<<32 - 1, "4294967296": 0, "nosuch": 0} {
		if got := zoneID(zone); got != want {
			t.Errorf("%q: got %d, want %d", zone, got, want)
		}
	}
	for id, want := range map[uint32]string{0: "", uint32(lo.Index): "lo", 4_000_000: "4000000"} {
		if got := zoneName(id); got != want {
			t.Errorf("%d: got %q, want %q", id, got, want)
		}
	}
}

func TestEquipGivesAnAcceptedSocketItsOptions(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := Equip(&sys.Linux{}, fd, Spec{Network: "tls"}, testOptions); err != nil {
		t.Fatal(err)
	}
	wantOptions(t, fd)
}
