package echotest

import (
	"context"
	"errors"
	"net"
	"net/netip"
)

// TruncatesDatagrams receives into a buffer that is too small.
var TruncatesDatagrams = Fault{
	Name:     "truncates-datagrams",
	Sentence: "sends back only the first 2048 bytes of a datagram",
	packet: func(_ context.Context, conn *net.UDPConn) {
		answer(conn, make([]byte, 2048), conn)
	},
}

// AnswersElsewhere has one socket to listen and another to speak.
var AnswersElsewhere = Fault{
	Name:     "answers-elsewhere",
	Sentence: "answers datagrams from another port than they were sent to",
	packet: func(_ context.Context, conn *net.UDPConn) {
		other, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback))
		if err != nil {
			return
		}
		defer other.Close()
		answer(conn, make([]byte, 64<<10), other)
	},
}

// answer receives from in and answers through out until in is closed.
func answer(in *net.UDPConn, buf []byte, out *net.UDPConn) {
	for {
		n, from, err := in.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil || n > 0 {
			from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
			out.WriteToUDPAddrPort(buf[:n], from)
		}
	}
}
