package check

import (
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// A supervisor starts the server again before the rules of the stage have ended.
func TestAServerThatIsBackBeforeTheStageEndsHasStopped(t *testing.T) {
	for _, tt := range []struct {
		name    string
		refuses bool // when a connection breaks
		open    int  // of the two that worked at the same time
		stopped bool
	}{
		{"it was gone", true, 1, true},
		{"a limit on connections", true, 2, false},
		{"it accepts", false, 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var refuses atomic.Bool
			r := newRunner(t.Context(), Target{Network: "tcp", Dial: func(context.Context) (net.Conn, error) {
				if refuses.Load() {
					return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
				}
				client, server := net.Pipe()
				go io.Copy(server, server)
				return client, nil
			}}, Options{}.withDefaults(), 1)
			r.progress.started(slowReader.ID)
			r.connections.made, r.connections.most, r.connections.open = 2, 2, tt.open
			refuses.Store(tt.refuses)
			r.connections.countResult(Reset)
			r.askAtOnce(Reset)
			refuses.Store(false)
			r.checkAlive()
			switch {
			case (r.stopped != nil) != tt.stopped:
				t.Errorf("got stopped %v, want %v", r.stopped != nil, tt.stopped)
			case tt.stopped && !strings.Contains(r.stopped.Detail, "during stream/slow-reader and came back within "):
				t.Errorf("got %q", r.stopped.Detail)
			}
		})
	}
}
