package enginetest

import (
	"fmt"
	"net"
	"net/netip"

	"echod/internal/engine"
)

// destroyedCases try what an administrator can do to a socket.
var destroyedCases = []testCase{
	{
		name:    "a destroyed datagram socket costs its datagrams alone",
		promise: "P1, P6: an errno of a datagram socket ends neither the process nor a stream nor the socket",
		on:      "udp",
		run:     destroyedDatagramSocket,
	},
}

// destroyedDatagramSocket destroys the socket with SOCK_DESTROY (sock_diag(7)),
// which makes its next read fail with ECONNABORTED. A socket that asked for its
// port keeps it.
func destroyedDatagramSocket(t trial) {
	t.ownNetwork()
	reserved, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	datagrams, streams := t.anywhere("udp"), t.anywhere("tcp")
	datagrams.Spec.Addr = reserved.LocalAddr().(*net.UDPAddr).AddrPort()
	reserved.Close()
	s := t.serve(engine.Config{Listeners: []engine.Listener{datagrams, streams}})

	stream := t.peer(connect(&net.Dialer{Timeout: patience}, s.Listeners()[1]))
	stream.echo(100)
	t.ask(s.spec.Addr).wantEcho(100)
	for range 3 {
		t.destroy(s.spec.Addr)
		t.ask(s.spec.Addr).wantEcho(100)
		stream.echo(100)
	}
	s.waitFor("each failed read is counted", func(st engine.Stats) bool { return st.DatagramErrors == 3 })
	t.wantDatagrams(s, 4, nil)
}

// destroy destroys the datagram sockets that are bound to addr, in the trial's
// network.
func (t trial) destroy(addr netip.AddrPort) {
	t.Helper()
	t.configure(fmt.Sprintf("ss -K -u -a src = %s", addr))
}
