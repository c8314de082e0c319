package sock

import (
	"net"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
)

// busyPoll is a kernel whose poll is interrupted a few times and then fails.
type busyPoll struct {
	sys.Linux
	errnos []sys.Errno
}

func (k *busyPoll) Poll(fds []unix.PollFd, timeout int) (int, sys.Errno) {
	if len(k.errnos) > 0 {
		errno := k.errnos[0]
		k.errnos = k.errnos[1:]
		return 0, errno
	}
	return k.Linux.Poll(fds, timeout)
}

func TestQueueLength(t *testing.T) {
	tests := []struct {
		network, address string
		want             [3]int // with nobody, one and two callers in the queue
	}{
		{"tcp", "127.0.0.1:0", [3]int{0, 1, 2}},
		{"unix", filepath.Join(t.TempDir(), "s"), [3]int{0, -1, -1}},
	}
	for _, tt := range tests {
		t.Run(tt.network, func(t *testing.T) {
			ln, err := net.Listen(tt.network, tt.address)
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			for callers, want := range tt.want {
				got := Calls{}.AcceptQueue(ln.(syscall.Conn))
				for end := time.Now().Add(30 * time.Second); got != want && time.Now().Before(end); {
					runtime.Gosched() // the last packet of a handshake may be on its way
					got = Calls{}.AcceptQueue(ln.(syscall.Conn))
				}
				if got != want {
					t.Errorf("%d callers: got %d, want %d", callers, got, want)
				}
				conn, err := net.Dial(tt.network, ln.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
			}
		})
	}
}

func TestQueueLengthOfAUnixSocketWhosePollFails(t *testing.T) {
	fd, s := mustListen(t, "unix://"+filepath.Join(t.TempDir(), "s"))
	defer s.Unlink()
	tests := []struct {
		name   string
		errnos []sys.Errno
		want   int
	}{
		{"fails", []sys.Errno{unix.ENOMEM}, -1},
		{"is interrupted", []sys.Errno{unix.EINTR}, 0},
		{"is interrupted again and again", []sys.Errno{unix.EINTR, unix.EINTR, unix.EINTR, unix.EINTR}, -1},
	}
	for _, tt := range tests {
		if got := QueueLength(&busyPoll{errnos: tt.errnos}, fd); got != tt.want {
			t.Errorf("poll %s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}
