package check

import (
	"errors"
	"net"
	"os"
	"time"
)

var loopGuard = Rule{
	ID:       "datagram/loop-guard",
	Networks: datagrams,
	Sends:    "datagrams from a source port below 1024 (--unsafe)",
	Expects:  "no answer",
	Meaning:  "A forged datagram makes it and another service that answers everything (echo, chargen, dns) answer each other for ever.",
	flag:     "--unsafe",
	run:      runLoopGuard,
}

func runLoopGuard(p *probe) error {
	switch {
	case !p.Unsafe:
		return skipped("needs --unsafe")
	case p.target.Dial != nil:
		return skipped("needs a source port of its choice, and the target brings its own socket")
	}
	socket, port, err := openLow(p)
	if err != nil {
		return err
	}
	defer socket.Close()
	buf := make([]byte, maxDatagram)
	for range tries {
		if err := socket.send(take(p.payload(0), 64)); err != nil {
			return err
		}
		socket.SetReadDeadline(time.Now().Add(quiet / tries))
		_, from, err := socket.receive(buf)
		switch {
		case err == nil && from == socket.to:
			return fail(Answered, "a datagram from port %d was answered", port)
		case err != nil && classify(err) != Timeout:
			return err
		}
	}
	p.note("no answer to port %d", port)
	return nil
}

// openLow is a loose socket on the highest port below 1024 that is free, and that port.
func openLow(p *probe) (socket loose, port int, err error) {
	to, err := resolve(p)
	if err != nil {
		return loose{}, 0, err
	}
	network := "udp4"
	if to.Addr().Is6() {
		network = "udp6"
	}
	for port = 1023; port > 512; port-- {
		conn, err := net.ListenUDP(network, &net.UDPAddr{Port: port})
		if err == nil {
			return loose{conn, to}, port, nil
		}
		if errors.Is(err, os.ErrPermission) {
			return loose{}, 0, skipped("ports below 1024 need a privilege that this process lacks: root, or CAP_NET_BIND_SERVICE")
		}
	}
	return loose{}, 0, skipped("no port from 513 to 1023 is free")
}
