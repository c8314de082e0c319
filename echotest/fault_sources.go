package echotest

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// This file has faults that depend on what other datagrams came before.

// MixesUpClients sends every tenth answer to the client of the datagram before.
func MixesUpClients() Fault {
	return datagramFault("mixes-up-clients", "sends every tenth answer to the client of the datagram before", func(ctx context.Context, conn *net.UDPConn) {
		var before netip.AddrPort
		n := 0
		answerDatagrams(ctx, conn, func(p []byte, from netip.AddrPort) {
			to := from
			if n++; n%10 == 0 {
				to = before
			}
			conn.WriteToUDPAddrPort(p, to)
			before = from
		})
	})
}

// AnswersOnce answers only the first datagram of each source.
func AnswersOnce() Fault {
	return datagramFault("answers-once", "answers only the first datagram of each source", func(ctx context.Context, conn *net.UDPConn) {
		answered := make(map[netip.AddrPort]bool)
		answerDatagrams(ctx, conn, func(p []byte, from netip.AddrPort) {
			if !answered[from] {
				conn.WriteToUDPAddrPort(p, from)
			}
			answered[from] = true
		})
	})
}

// StopsAnswering answers nothing any more after 100 datagrams.
func StopsAnswering() Fault {
	return datagramFault("stops-answering", "answers nothing any more after 100 datagrams", func(ctx context.Context, conn *net.UDPConn) {
		n := 0
		answerDatagrams(ctx, conn, func(p []byte, from netip.AddrPort) {
			if n++; n <= 100 {
				conn.WriteToUDPAddrPort(p, from)
			}
		})
	})
}

// LimitsDatagramRate answers 100 datagrams a second, and drops the rest. Up to 10 may come
// at once. No rule fails: datagram/order-loss passes with a note.
func LimitsDatagramRate() Fault {
	return datagramFault("limits-datagram-rate", "answers 100 datagrams a second, and drops the rest", func(ctx context.Context, conn *net.UDPConn) {
		const rate, burst = 100, 10
		free := time.Now() // when the datagrams that were answered are paid for
		answerDatagrams(ctx, conn, func(p []byte, from netip.AddrPort) {
			now := time.Now()
			if free.Before(now) {
				free = now
			}
			if next := free.Add(time.Second / rate); next.Sub(now) <= burst*time.Second/rate {
				free = next
				conn.WriteToUDPAddrPort(p, from)
			}
		})
	})
}
