package comparison

import (
	"io"
	"net"
	"testing"
)

// TestSyscallsAreCountedExactly exchanges messages with the C server one after another: each
// is an epoll_wait, a recv and a send.
func TestSyscallsAreCountedExactly(t *testing.T) {
	const messages = 100
	b := shortRunner(t)
	s, err := CStreams(b.Tools).start(t.Context(), b.cpus(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", s.port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	exchange := func() {
		if _, err := conn.Write([]byte("ping")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
	}
	exchange() // the server has accepted
	c, err := countSyscalls(s.cmd.Process.Pid)
	if err != nil {
		t.Skipf("counting system calls needs root and /sys/kernel/tracing: %v", err)
	}
	defer c.close()
	for range messages {
		exchange()
	}
	got, err := c.total()
	if err != nil {
		t.Fatal(err)
	}
	// The server may have entered its last epoll_wait before the count starts or after it ends.
	if got < 3*messages-1 || got > 3*messages+1 {
		t.Errorf("got %v system calls for %d messages, want 3 for each", got, messages)
	}
}
