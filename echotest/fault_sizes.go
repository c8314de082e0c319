package echotest

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

// This file has faults that depend on the size of a datagram or on its source.

// DropsShortFragments drops answers of 1473 to 1475 bytes, as a path does that drops
// fragments which are too short for the ports of a UDP header.
func DropsShortFragments() ProxyFault {
	return datagramProxyFault("drops-short-fragments", "drops answers of 1473 to 1475 bytes",
		PathFault{Direction: ToClient, MinSize: 1473, MaxSize: 1475, Do: Drop})
}

// DropsLongPackets drops answers of 1373 to 1472 bytes, as a path with an MTU of 1400
// does that drops packets with the flag "don't fragment", but not fragments.
func DropsLongPackets() ProxyFault {
	return datagramProxyFault("drops-long-packets", "drops answers of 1373 to 1472 bytes",
		PathFault{Direction: ToClient, MinSize: 1373, MaxSize: 1472, Do: Drop})
}

// LosesLargeDatagrams drops 60 % of the answers of more than 1500 bytes.
func LosesLargeDatagrams() ProxyFault {
	return datagramProxyFault("loses-large-datagrams", "drops 60 % of the answers of more than 1500 bytes",
		PathFault{Direction: ToClient, MinSize: 1501, Chunks: Chance(0.6), Do: Drop})
}

// LosesPackets drops packets of both directions at random, this many of 100, and so
// more of the datagrams that consist of many packets. A path that does this is honest.
func LosesPackets(percent int, seed uint64) ProxyFault {
	var faults []PathFault
	for n := 0; n <= 65507; n += 1480 { // one more packet for each 1480 bytes
		faults = append(faults, PathFault{MinSize: max(0, n-7), Chunks: Chance(float64(percent) / 100), Do: Drop})
	}
	f := datagramProxyFault("loses-packets", "drops packets of both directions at random", faults...)
	f.Path.Seed = seed
	return f
}

// ChangesSmallDatagrams changes a byte of each answer of 64 bytes.
func ChangesSmallDatagrams() ProxyFault {
	return datagramProxyFault("changes-small-datagrams", "changes a byte of each answer of 64 bytes",
		PathFault{Direction: ToClient, MinSize: 64, MaxSize: 64, Do: ChangeByte})
}

// ChangesLargeSourcePort sends answers of more than 1472 bytes from another port than
// the client sent to.
func ChangesLargeSourcePort() ProxyFault {
	return datagramProxyFault("changes-large-source-port", "sends answers of more than 1472 bytes from another port than the client sent to",
		PathFault{Direction: ToClient, MinSize: 1473, Do: FromAnotherPort})
}

// DelaysLargeDatagrams sends answers of more than 1500 bytes 4 s late.
func DelaysLargeDatagrams() ProxyFault {
	return datagramProxyFault("delays-large-datagrams", "sends answers of more than 1500 bytes 4 s late",
		PathFault{Direction: ToClient, MinSize: 1501, Do: Delay, After: 4 * time.Second})
}

// ChangesMapping sends answers from another port after 400 datagrams of a client.
func ChangesMapping() ProxyFault {
	return datagramProxyFault("changes-mapping", "sends answers from another port after 400 datagrams of a client",
		PathFault{Direction: ToClient, Chunks: From(401), Do: FromAnotherPort})
}

// AnswersLowPortsFromAnotherPort answers datagrams from source ports below 1024, from
// another port than they were sent to.
func AnswersLowPortsFromAnotherPort() Fault {
	const description = "answers datagrams from source ports below 1024, from another port than they were sent to"
	return Fault{Name: "answers-low-ports-from-another-port", Description: description, Network: "udp", start: func(t testing.TB) *Server {
		return startDatagrams(t, func(ctx context.Context, conn *net.UDPConn) {
			other, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback))
			if err != nil {
				return
			}
			defer other.Close()
			answerAll(ctx, conn, func(p []byte, from netip.AddrPort) {
				out := conn
				if from.Port() < 1024 {
					out = other
				}
				out.WriteToUDPAddrPort(p, from)
			})
		})
	}}
}

// IgnoresEmptyDatagrams answers all datagrams except empty ones.
func IgnoresEmptyDatagrams() Fault {
	return datagramFault("ignores-empty-datagrams", "answers all datagrams except empty ones", func(ctx context.Context, conn *net.UDPConn) {
		answerDatagrams(ctx, conn, func(p []byte, from netip.AddrPort) {
			if len(p) > 0 {
				conn.WriteToUDPAddrPort(p, from)
			}
		})
	})
}

// StopsAtEmptyDatagram answers nothing any more after an empty datagram.
func StopsAtEmptyDatagram() Fault {
	return datagramFault("stops-at-empty-datagram", "answers nothing any more after an empty datagram", func(ctx context.Context, conn *net.UDPConn) {
		stopped := false
		answerDatagrams(ctx, conn, func(p []byte, from netip.AddrPort) {
			if stopped = stopped || len(p) == 0; !stopped {
				conn.WriteToUDPAddrPort(p, from)
			}
		})
	})
}

// answerDatagrams calls answer with each datagram whose source port is at least 1024,
// until conn is closed.
func answerDatagrams(ctx context.Context, conn *net.UDPConn, answer func(p []byte, from netip.AddrPort)) {
	answerAll(ctx, conn, func(p []byte, from netip.AddrPort) {
		if from.Port() >= 1024 {
			answer(p, from)
		}
	})
}

// answerAll is answerDatagrams for every source port.
func answerAll(ctx context.Context, conn *net.UDPConn, answer func(p []byte, from netip.AddrPort)) {
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
		answer(buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
	}
}
