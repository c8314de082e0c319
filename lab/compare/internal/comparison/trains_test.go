package comparison

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// trainConn is a UDP socket that can send and receive trains of datagrams.
type trainConn struct{ *net.UDPConn }

// newTrainConn makes conn a trainConn. It skips the test on a kernel without UDP_GRO.
func newTrainConn(t *testing.T, conn *net.UDPConn) trainConn {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1)
	}); err != nil {
		t.Fatal(err)
	}
	if errors.Is(failed, unix.ENOPROTOOPT) {
		t.Skip("Linux 5.0 is needed, for UDP_GRO")
	}
	if failed != nil {
		t.Fatal(failed)
	}
	return trainConn{conn}
}

// send sends bytes as datagrams of size bytes to a peer, or to the connected one.
func (c trainConn) send(data []byte, size int, to *net.UDPAddr) error {
	control := make([]byte, unix.CmsgSpace(2))
	head := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
	head.Level, head.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	head.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(control[unix.CmsgLen(0):], uint16(size))
	_, _, err := c.WriteMsgUDP(data, control, to)
	return err
}

// receive receives one message. size is that of its datagrams.
func (c trainConn) receive() (data []byte, size int, from *net.UDPAddr, err error) {
	data, control := make([]byte, 65536), make([]byte, unix.CmsgSpace(4))
	n, controlLen, _, from, err := c.ReadMsgUDP(data, control)
	if err != nil {
		return nil, 0, nil, err
	}
	size = n
	if controlLen > 0 {
		size = int(binary.NativeEndian.Uint32(control[unix.CmsgLen(0):]))
	}
	return data[:n], size, from, nil
}

// TestTrainYardstickAnswersTrains sends trains and single datagrams to `udpgso`. A train comes
// back as one message with datagrams of the same size: the last one may be shorter.
func TestTrainYardstickAnswersTrains(t *testing.T) {
	conn := newTrainConn(t, dialYardstick(t, CTrains))
	tests := []struct{ bytes, size int }{
		{32 * 64, 64}, {64 * 64, 64}, {32 * 1200, 1200}, {3*1200 + 7, 1200}, {1200, 1200}, {1, 64}, {0, 64}, {65507, 65507},
	}
	for _, tt := range tests {
		want := bytes.Repeat([]byte("train"), tt.bytes/5+1)[:tt.bytes]
		if err := conn.send(want, tt.size, nil); err != nil {
			t.Fatal(err)
		}
		got, size, _, err := conn.receive()
		if err != nil {
			t.Fatal(err)
		}
		if wantSize := min(tt.size, tt.bytes); !bytes.Equal(got, want) || size != wantSize {
			t.Errorf("got %d bytes in datagrams of %d, want the same %d in datagrams of %d", len(got), size, tt.bytes, wantSize)
		}
	}
}

// TestTrainYardstickAnswersPeersWithoutTrains receives the answer of a train one datagram after
// another.
func TestTrainYardstickAnswersPeersWithoutTrains(t *testing.T) {
	sender := dialYardstick(t, CTrains)
	sender.SetDeadline(time.Now().Add(10 * time.Second))
	t.Cleanup(func() { sender.Close() })
	if err := (trainConn{sender}).send([]byte("aaabbbc"), 3, nil); err != nil {
		t.Skipf("Linux 4.18 is needed, for UDP_SEGMENT: %v", err)
	}
	var got []string
	for range 3 {
		datagram := make([]byte, 64)
		n, err := sender.Read(datagram)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(datagram[:n]))
	}
	if want := []string{"aaa", "bbb", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// dialYardstick starts a C server for datagrams and returns a socket that is connected to it.
func dialYardstick(t *testing.T, server func(Tools) Server) *net.UDPConn {
	t.Helper()
	addr, err := net.ResolveUDPAddr("udp", startYardstick(t, server))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialUDP("udp", nil, addr)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestGeneratorSendsTrains looks at the first messages of the generator: each has all datagrams
// that may be in flight on a socket, at most 64 and 64 KiB.
func TestGeneratorSendsTrains(t *testing.T) {
	b := shortRunner(t)
	tests := []struct {
		w    Workload
		want int // datagrams in the first message
	}{
		{Workload{Trains, 1, 64, 32}, 32},
		{Workload{Trains, 1, 64, 100}, 64},
		{Workload{Trains, 1, 1200, 64}, 54},
		{Workload{Datagrams, 1, 64, 32}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.w.String(), func(t *testing.T) {
			server, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			conn := newTrainConn(t, server)
			datagrams := make(chan int, 1)
			go func() {
				for {
					data, size, from, err := conn.receive()
					if err != nil {
						return
					}
					select {
					case datagrams <- len(data) / size:
					default:
					}
					conn.send(data, size, from)
				}
			}()
			got, err := oneSlice(b, here(t, conn.LocalAddr()), tt.w)
			if err != nil {
				t.Fatal(err)
			}
			if first := <-datagrams; first != tt.want {
				t.Errorf("got %d datagrams in the first message, want %d", first, tt.want)
			}
			// Each datagram counts, not each message.
			if got.Messages < float64(tt.want) {
				t.Errorf("got %v messages, want all datagrams of a train", got.Messages)
			}
		})
	}
}
