package agent

import (
	"context"
	"net"
	"syscall"
	"testing"
	"time"

	"echod/internal/sock"
)

// TestAnswerComesFromTheAddressThatWasAsked: a NAT lets no other in.
func TestAnswerComesFromTheAddressThatWasAsked(t *testing.T) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { return sock.ReceivePktInfo(c) }}
	everywhere, err := config.ListenPacket(context.Background(), "udp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	server := everywhere.(*net.UDPConn)
	c, _ := start(t, &Server{UDP: server})
	acting := startLate(t, c, 0)
	asked := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2), Port: server.LocalAddr().(*net.UDPAddr).Port}
	socket, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}, asked) // hears that address alone
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	socket.SetReadDeadline(time.Now().Add(testTimeout))
	datagram := make([]byte, DatagramSize)
	copy(datagram, acting.Key)
	if _, err := socket.Write(datagram); err != nil {
		t.Fatal(err)
	}
	wantHeard(t, socket, acting.Key)
}
