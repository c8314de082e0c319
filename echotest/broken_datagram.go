package echotest

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"
)

// TruncatesDatagrams receives into a buffer that is too small.
var TruncatesDatagrams = Fault{
	Name:     "truncates-datagrams",
	Sentence: "sends back only the first 2048 bytes of a datagram",
	packet: func(ctx context.Context, conn *net.UDPConn) {
		answer(ctx, conn, make([]byte, 2048), conn, 1024)
	},
}

// AnswersElsewhere has one socket to listen and another to speak.
var AnswersElsewhere = Fault{
	Name:     "answers-elsewhere",
	Sentence: "answers datagrams from another port than they were sent to",
	packet: func(ctx context.Context, conn *net.UDPConn) {
		other, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback))
		if err != nil {
			return
		}
		defer other.Close()
		answer(ctx, conn, make([]byte, 64<<10), other, 1024)
	},
}

// AnswersLowPorts lets itself be set on other services.
var AnswersLowPorts = Fault{
	Name:     "answers-low-ports",
	Sentence: "answers datagrams from ports below 1024, where other services live",
	packet: func(ctx context.Context, conn *net.UDPConn) {
		answer(ctx, conn, make([]byte, 64<<10), conn, 1)
	},
}

// MutesFloods takes for a flood whatever comes faster than one by one.
var MutesFloods = Fault{
	Name:     "mutes-floods",
	Sentence: "answers a datagram only if no other comes from its source within 100 ms",
	packet: func(ctx context.Context, conn *net.UDPConn) {
		const calm = 100 * time.Millisecond
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
			if now := time.Now(); now.Sub(last[from]) >= calm {
				datagram := slices.Clone(buf[:n])
				answers[from] = time.AfterFunc(calm, func() { conn.WriteToUDPAddrPort(datagram, from) })
			}
			last[from] = time.Now()
		}
	},
}

// errorPause follows an error of a socket, which may report the same again at
// once.
const errorPause = 10 * time.Millisecond

// packetReader is what answer reads from: a *net.UDPConn.
type packetReader interface {
	ReadFromUDPAddrPort(b []byte) (n int, addr netip.AddrPort, err error)
}

// answer receives from in and answers through out, from lowest on whatever the
// source port is, until in is closed.
func answer(ctx context.Context, in packetReader, buf []byte, out *net.UDPConn, lowest uint16) {
	for {
		n, from, err := in.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil && n <= 0 { // Windows reports a datagram that was cut as an error
			sleep(ctx, errorPause)
			continue
		}
		if from.Port() >= lowest {
			from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
			out.WriteToUDPAddrPort(buf[:n], from)
		}
	}
}
