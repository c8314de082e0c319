package load

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"echod/internal/dial"
	"echod/internal/sys"
	"echod/internal/sys/sim"
)

// connect(2) fails with EAGAIN on a socket for datagrams if no port is free. On a unix socket the
// backlog is full, and the connect goes on.
func TestSocketForDatagramsWithoutAPortIsLocal(t *testing.T) {
	s := newSimulation(t, "udp", func(p *Plan) { p.Messages, p.Conns = 3, 1 })
	failed := false
	s.fault = func(c sim.Call) sys.Errno {
		if c != sim.Connect || failed {
			return 0
		}
		failed = true
		return unix.EAGAIN
	}
	tl := s.run(t)
	if diff := cmp.Diff(Classes{dial.Local: 1}, tl.result.ConnectsFailed); diff != "" || tl.outcomes.answered < 3 {
		t.Errorf("got %+v; connects failed (-want +got):\n%s", tl.outcomes, diff)
	}
}

func TestLoopConnectsAgainUntilTheServiceIsThere(t *testing.T) {
	tests := []struct {
		name, network string
		full          bool          // else it refuses
		after         time.Duration // it is there
		want          dial.Class    // "": the connect goes on
	}{
		{"refused", "tcp", false, time.Second, dial.Refused},
		{"no answer to a SYN", "tcp", true, 2500 * time.Millisecond, dial.Timeout},
		{"SYNs are lost for a second", "tcp", true, time.Second, ""},
		{"the backlog of a unix socket is full", "unix", true, time.Second, ""},
		{"the backlog of a unix socket stays full", "unix", true, 2500 * time.Millisecond, dial.Timeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSimulation(t, tt.network, both(churn, openLoopAt(10)))
			remote := *s.remote
			s.remote.Full = tt.full
			if !tt.full {
				s.k.RemoveRemote(servicePort)
			}
			s.fault = func(sim.Call) sys.Errno {
				switch {
				case s.k.Now() < int64(tt.after):
				case tt.full:
					s.remote.Full = false
				default:
					*s.k.Remote(servicePort) = remote
				}
				return 0
			}
			tl := s.run(t)
			if n := tl.result.Failed[tt.want]; tt.want != "" && n == 0 || len(tl.result.Failed) > 1 || tt.want == "" && tl.outcomes.failed > 0 {
				t.Errorf("got errors %v, want some of class %q only", tl.result.Failed, tt.want)
			}
			if tl.outcomes.answered == 0 {
				t.Errorf("got %+v, want answers once the service is there", tl.outcomes)
			}
		})
	}
}
