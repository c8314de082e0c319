package check

import (
	"errors"
	"os"
	"time"
)

var loopGuard = Rule{
	ID:       "datagram/loop-guard",
	Networks: datagrams,
	Needs:    []string{"--unsafe"},
	Sends:    "datagrams from a source port below 1024 (--unsafe)",
	Expects:  "no answer",
	Meaning:  "A forged datagram makes the echo and another service that answers everything (echo, chargen, dns) answer each other forever.",
	Causes: []Cause{
		{
			Classes: []Class{Answered},
			Text:    "every source is answered, whatever its port",
			Remedy:  "do not answer ports below 1024, or do not serve UDP to networks that you do not trust; a NAT on the path may also have changed the port",
		},
	},
	run: runLoopGuard,
}

func runLoopGuard(p *probe) error {
	if p.target.Dial != nil {
		return skipped("needs to choose the source port, and the target has its own Dial")
	}
	socket, port, err := openLowPort(p)
	if err != nil {
		return err
	}
	defer socket.Close()
	buf := make([]byte, maxDatagram)
	request := nextBytes(p.payload(0), 64)
	for range attempts {
		if err := socket.send(request); err != nil {
			return err
		}
		socket.SetReadDeadline(time.Now().Add(quiet / attempts))
		n, from, err := socket.receive(buf)
		switch {
		case err == nil && isForeign(socket, buf[:n], from, request):
		case err == nil && from != socket.to:
			return fail(Answered, "a datagram from port %d was answered, from another address: %v", port, from)
		case err == nil:
			return fail(Answered, "a datagram from port %d was answered", port)
		case err != nil && classify(err) != Timeout:
			return err
		}
	}
	p.setNote("no answer to port %d", port)
	return nil
}

// openLowPort opens an unconnected socket on the highest free port below 1024, and
// returns that port.
func openLowPort(p *probe) (socket unconnectedSocket, port int, err error) {
	to, err := resolve(p)
	if err != nil {
		return socket, 0, err
	}
	for port = 1023; port > 512; port-- {
		socket, err = openUnconnected(p, to, port)
		if err == nil {
			return socket, port, nil
		}
		if errors.Is(err, os.ErrPermission) {
			return socket, 0, skipped("ports below 1024 need a privilege that this process lacks: root, or CAP_NET_BIND_SERVICE")
		}
	}
	return socket, 0, skipped("no port from 513 to 1023 is free")
}
