package echotest

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"echod/internal/dial"
)

// TruncatesDatagrams sends back only the first 2048 bytes of a datagram.
func TruncatesDatagrams() Fault {
	return datagramFault("truncates-datagrams", "sends back only the first 2048 bytes of a datagram", func(ctx context.Context, conn *net.UDPConn) {
		echoDatagrams(ctx, conn, make([]byte, 2048), conn, 1024)
	})
}

// TruncatesShortDatagrams sends back only the first 512 bytes of a datagram.
func TruncatesShortDatagrams() Fault {
	return datagramFault("truncates-short-datagrams", "sends back only the first 512 bytes of a datagram", func(ctx context.Context, conn *net.UDPConn) {
		echoDatagrams(ctx, conn, make([]byte, 512), conn, 1024)
	})
}

// AnswersFromAnotherPort answers a datagram from another port than it was sent to.
func AnswersFromAnotherPort() Fault {
	return datagramFault("answers-from-another-port", "answers a datagram from another port than it was sent to", func(ctx context.Context, conn *net.UDPConn) {
		other, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback))
		if err != nil {
			return
		}
		defer other.Close()
		echoDatagrams(ctx, conn, make([]byte, 64<<10), other, 1024)
	})
}

// AnswersLowPorts answers datagrams from source ports below 1024, which can belong to
// another service.
func AnswersLowPorts() Fault {
	return datagramFault("answers-low-ports", "answers datagrams from source ports below 1024", func(ctx context.Context, conn *net.UDPConn) {
		echoDatagrams(ctx, conn, make([]byte, 64<<10), conn, 1)
	})
}

// DropsBursts answers a datagram only if no other one comes from its source within
// 100 ms.
func DropsBursts() Fault {
	const description = "answers a datagram only if no other one comes from its source within 100 ms"
	return datagramFault("drops-bursts", description, func(ctx context.Context, conn *net.UDPConn) {
		const pause = 100 * time.Millisecond
		last := make(map[netip.AddrPort]time.Time)
		answers := make(map[netip.AddrPort]*time.Timer)
		buf := make([]byte, 64<<10)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				sleep(ctx, errorPause)
				continue
			}
			if from.Port() < 1024 {
				continue
			}
			if answer := answers[from]; answer != nil {
				answer.Stop()
			}
			if now := time.Now(); now.Sub(last[from]) >= pause {
				datagram := slices.Clone(buf[:n])
				answers[from] = time.AfterFunc(pause, func() { conn.WriteToUDPAddrPort(datagram, from) })
			}
			last[from] = time.Now()
		}
	})
}

func datagramFault(name, description string, serve func(ctx context.Context, conn *net.UDPConn)) Fault {
	return Fault{Name: name, Description: description, Network: "udp",
		start: func(t testing.TB) *Server { return startDatagrams(t, serve) }}
}

// startDatagrams runs serve with a socket on loopback and a free port.
func startDatagrams(t testing.TB, serve func(ctx context.Context, conn *net.UDPConn)) *Server {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatalf("echotest: %v", err)
	}
	conn.SetReadBuffer(dial.DatagramQueue) // a fault must not lose more than it says
	return startFunc(t, "udp://"+conn.LocalAddr().String(), conn, func(ctx context.Context) {
		serve(ctx, conn)
	})
}

// errorPause is how long a loop waits after a socket error, which the socket may
// return again at once.
const errorPause = 10 * time.Millisecond

// packetReader is what echoDatagrams reads from: a *net.UDPConn.
type packetReader interface {
	ReadFromUDPAddrPort(b []byte) (n int, addr netip.AddrPort, err error)
}

// echoDatagrams receives from in and answers through out, if the source port is at
// least minPort, until in is closed.
func echoDatagrams(ctx context.Context, in packetReader, buf []byte, out *net.UDPConn, minPort uint16) {
	for {
		n, from, err := in.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil && n <= 0 { // Windows returns an error with a truncated datagram
			sleep(ctx, errorPause)
			continue
		}
		if from.Port() >= minPort {
			from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
			out.WriteToUDPAddrPort(buf[:n], from)
		}
	}
}
