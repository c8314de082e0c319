package check

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
)

// The path frees the slots of connections that have ended only when it has refused one more.
func TestConnectionsThatEndLateAreNotCounted(t *testing.T) {
	t.Parallel()
	var open atomic.Int64
	open.Store(8) // two more work
	target := Target{Network: "tcp", Dial: func(context.Context) (net.Conn, error) {
		if open.Add(1) > 10 {
			open.Add(-9)
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		}
		client, server := net.Pipe()
		go io.Copy(server, server)
		return client, nil
	}}
	p := &probe{ctx: t.Context(), target: target, Options: Options{}.withDefaults()}
	if got := mostConnections(p, 5); got != 5 {
		t.Errorf("got %d connections at once, want all 5", got)
	}
}
