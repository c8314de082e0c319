package agent

import (
	"context"
	"errors"
	"net"
	"time"
)

// retrying is a listener whose Accept retries after errors that pass: descriptors
// run out, or a client left before it was accepted.
type retrying struct {
	net.Listener
	ctx context.Context
}

func (l retrying) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		var passing interface{ Temporary() bool }
		if err == nil || l.ctx.Err() != nil || !errors.As(err, &passing) || !passing.Temporary() {
			return conn, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-l.ctx.Done():
		}
	}
}
