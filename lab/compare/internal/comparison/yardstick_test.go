package comparison

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"regexp"
	"testing"
)

// refused is what `uring` prints if the kernel has no io_uring, or a sandbox refuses it. An
// error of another call, and EINVAL, which means Linux before 6.1 or a mistake, is a failure.
var refused = regexp.MustCompile(`io_uring_setup: (Operation not permitted|Function not implemented)`)

// startYardstick starts a C server and returns its address. It skips the test if
// io_uring is refused.
func startYardstick(t *testing.T, server func(Tools) Server) string {
	t.Helper()
	b := shortRunner(t)
	s, err := server(b.Tools).start(t.Context(), b.cpus(), 0)
	if err != nil && refused.MatchString(err.Error()) {
		t.Skipf("a system that permits io_uring is needed: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return net.JoinHostPort("127.0.0.1", s.port)
}

var yardsticks = map[string]func(Tools) Server{C: CStreams, CUring: CStreamsOnUring}

// TestYardstickSendsEverythingBack sends more than all buffers hold, on several connections
// whose clients read little at a time. So sends fall short, and a server that did not stop
// reading would need memory for all of it.
func TestYardstickSendsEverythingBack(t *testing.T) {
	const conns, size = 4, 8 << 20
	for name, server := range yardsticks {
		t.Run(name, func(t *testing.T) {
			addr := startYardstick(t, server)
			failed := make(chan error, conns)
			for i := range conns {
				go func() { failed <- sendAndCompare(addr, uint64(i), size) }()
			}
			for range conns {
				if err := <-failed; err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// sendAndCompare sends size bytes that depend on seed, half-closes, and compares what comes
// back until the end of the stream. The receive buffer of its socket is small.
func sendAndCompare(addr string, seed uint64, size int) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		return err
	}
	want := make([]byte, size)
	random := rand.NewChaCha8([32]byte{byte(seed)})
	random.Read(want)
	sent := make(chan error, 1)
	go func() {
		_, err := conn.Write(want)
		if err == nil {
			err = conn.(*net.TCPConn).CloseWrite()
		}
		sent <- err
	}()
	got, err := io.ReadAll(conn)
	if err == nil {
		err = <-sent
	}
	if err == nil && !bytes.Equal(got, want) {
		err = fmt.Errorf("got %d bytes, want the %d that were sent", len(got), len(want))
	}
	return err
}

// TestYardstickStopsReadingFromAPeerThatDoesNotRead lets one peer write without reading while
// another one exchanges as much. A server that reads from both has taken all from the first
// one when the second one has everything back.
func TestYardstickStopsReadingFromAPeerThatDoesNotRead(t *testing.T) {
	const size = 32 << 20 // more than the buffers of both sockets and of the server
	for name, server := range yardsticks {
		t.Run(name, func(t *testing.T) {
			addr := startYardstick(t, server)
			stalled, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer stalled.Close()
			written := make(chan error, 1)
			go func() {
				_, err := stalled.Write(make([]byte, size))
				written <- err
			}()
			if err := sendAndCompare(addr, 1, size); err != nil {
				t.Error(err)
			}
			select {
			case err := <-written:
				t.Errorf("the peer that does not read could write %d bytes, and got %v", size, err)
			default:
			}
		})
	}
}
