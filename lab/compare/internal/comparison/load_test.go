package comparison

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// oneSlice runs the load generator of w against s for one slice.
func oneSlice(b Runner, s *process, w Workload) (Sample, error) {
	got, stderr, err := runGenerator(b, s.port, w, "", "-t", fmt.Sprint(b.Measure.Seconds()))
	if err != nil || len(got) != 1 {
		return Sample{}, fmt.Errorf("%v: %s", err, stderr)
	}
	return got[0], nil
}

// here returns a server in this process.
func here(t *testing.T, addr net.Addr) *process {
	t.Helper()
	_, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		t.Fatal(err)
	}
	return &process{port: port, cmd: &exec.Cmd{Process: &os.Process{Pid: os.Getpid()}}}
}

// datagramServer calls answer for each datagram: how often it is sent back, and with which
// text. It counts the datagrams.
func datagramServer(t *testing.T, answer func(i int64, datagram []byte) (times int, as []byte)) (*process, *atomic.Int64) {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	received := new(atomic.Int64)
	go func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			times, as := answer(received.Add(1), buf[:n])
			for range times {
				conn.WriteToUDPAddrPort(as, from)
			}
		}
	}()
	return here(t, conn.LocalAddr()), received
}

// datagramKinds are the kinds whose datagrams must be counted one by one.
var datagramKinds = []Kind{Datagrams, Trains}

func TestLostDatagramsAreCountedAndTheirSlotsReused(t *testing.T) {
	b := shortRunner(t)
	b.Measure = time.Second // a slot is reused after 200 ms
	for _, kind := range datagramKinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s, _ := datagramServer(t, func(i int64, datagram []byte) (int, []byte) {
				if i%5 == 0 {
					return 0, nil
				}
				return 1, datagram
			})
			got, err := oneSlice(b, s, Workload{kind, 2, 64, 4})
			if err != nil {
				t.Fatal(err)
			}
			// Without reuse, all eight slots would be lost after about forty messages.
			if got.Lost < 1 || got.Messages < 1 {
				t.Errorf("got %v lost and %v messages, want some of both", got.Lost, got.Messages)
			}
		})
	}
}

func TestDuplicateAnswerIsOneMessage(t *testing.T) {
	b := shortRunner(t)
	for _, kind := range datagramKinds {
		s, received := datagramServer(t, func(_ int64, datagram []byte) (int, []byte) { return 2, datagram })
		got, err := oneSlice(b, s, Workload{kind, 2, 64, 4})
		if err != nil {
			t.Fatal(err)
		}
		if sent := float64(received.Load()); got.Messages > sent {
			t.Errorf("%s: got %v messages of %v that were sent", kind, got.Messages, sent)
		}
	}
}

func TestDatagramOfAnotherLengthIsAnError(t *testing.T) {
	b := shortRunner(t)
	for _, kind := range datagramKinds {
		for _, length := range []int{32, 128} { // 128: two datagrams in one
			s, _ := datagramServer(t, func(_ int64, datagram []byte) (int, []byte) {
				return 1, bytes.Repeat(datagram, 2)[:length]
			})
			got, err := oneSlice(b, s, Workload{kind, 1, 64, 1})
			if err == nil || !strings.Contains(err.Error(), "another length") {
				t.Errorf("%s, %d bytes: got %+v, %v, want an error", kind, length, got, err)
			}
		}
	}
}

// streamServer calls serve for each connection, and then closes it.
func streamServer(t *testing.T, serve func(net.Conn)) *process {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return here(t, listener.Addr())
}

func TestChurnChecksTheMessageAndTheEnd(t *testing.T) {
	b := shortRunner(t)
	all := func(conn net.Conn) []byte {
		message, _ := io.ReadAll(conn)
		return message
	}
	tests := []struct {
		name  string
		serve func(net.Conn)
		want  string
	}{
		{"an echo", func(c net.Conn) { c.Write(all(c)) }, ""},
		{"a byte short", func(c net.Conn) { c.Write(all(c)[1:]) }, "before all of its message"},
		{"a byte more", func(c net.Conn) { c.Write(append(all(c), '!')) }, "more came back"},
		{"a reset", func(c net.Conn) { c.Write(all(c)[1:]); c.(*net.TCPConn).SetLinger(0) }, "reset"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := oneSlice(b, streamServer(t, tt.serve), Workload{Churn, 2, 64, 1})
			switch {
			case tt.want == "" && (err != nil || got.Messages == 0):
				t.Errorf("got %+v, %v, want messages", got, err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %+v, %v, want an error with %q", got, err, tt.want)
			}
		})
	}
}

func TestLoadFailsWhenTheServerClosesAConnection(t *testing.T) {
	b := shortRunner(t)
	s := streamServer(t, func(c net.Conn) { io.CopyN(c, c, 64) })
	got, err := oneSlice(b, s, Workload{Stream, 1, 64, 1})
	if err == nil {
		t.Errorf("got %+v, want an error", got)
	}
}

func TestEveryGoServerEchoes(t *testing.T) {
	b := shortRunner(t)
	dir := t.TempDir()
	if err := BuildGoServers(t.Context(), "../..", dir); err != nil {
		t.Fatal(err)
	}
	for network, w := range map[string]Workload{"tcp": {Stream, 2, 64, 1}, "udp": {Datagrams, 2, 64, 1}} {
		for _, c := range GoServers(dir, network) {
			t.Run(network+" "+c.Name, func(t *testing.T) {
				s, err := c.start(t.Context(), b.cpus(), 0)
				if err != nil {
					t.Fatal(err)
				}
				defer s.stop()
				if got, err := oneSlice(b, s, w); err != nil || got.Messages == 0 {
					t.Errorf("got %+v, %v, want messages", got, err)
				}
			})
		}
	}
}
