//go:build linux

package reactor

import (
	"fmt"

	"echod/internal/engine"
	"echod/internal/sock"
)

// openPacket starts to serve a datagram socket on this loop.
func (l *loop) openPacket(fd int, spec sock.Spec, cfg engine.Config) error {
	l.k.Close(fd)
	return fmt.Errorf("%s cannot serve %s: %w", l.srv.name, spec, engine.ErrUnsupported)
}

// closePackets ends the loop's datagram sockets.
func (l *loop) closePackets() {}
