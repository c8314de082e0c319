package agent

import (
	"context"
	"net"
	"syscall"
	"testing"
	"time"

	"echod/internal/sock"
)

// TestAnswerComesFromTheAddressThatTheClientSentTo exists because a NAT drops answers
// from another address.
func TestAnswerComesFromTheAddressThatTheClientSentTo(t *testing.T) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { return sock.ReceivePktInfo(c) }}
	wildcard, err := config.ListenPacket(context.Background(), "udp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	server := wildcard.(*net.UDPConn)
	c, _ := start(t, &Server{UDP: server})
	conn := startDatagramLate(t, c, 0)
	dest := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2), Port: server.LocalAddr().(*net.UDPAddr).Port}
	socket, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}, dest) // receives from that address only
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	socket.SetReadDeadline(time.Now().Add(testTimeout))
	datagram := make([]byte, DatagramSize)
	copy(datagram, conn.Key)
	if _, err := socket.Write(datagram); err != nil {
		t.Fatal(err)
	}
	wantAnswers(t, socket, conn.Key)
}
