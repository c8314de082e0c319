package ping_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/ping"
)

func TestReconnectMeasuresEachPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got events
		f := newService(t, func(_ int, c *serviceConn) {
			p := <-c.in
			time.Sleep(20 * time.Millisecond)
			c.Write(p[:10])
			time.Sleep(30 * time.Millisecond)
			c.Write(p[10:])
			if _, more := <-c.in; more {
				t.Error("a second probe came on a connection")
			}
		})
		target := f.target("tcp")
		dial := target.Via
		target.Via = func(ctx context.Context) (net.Conn, error) {
			time.Sleep(10 * time.Millisecond)
			return dial(ctx)
		}
		config := got.every(time.Second, target, 3)
		config.Reconnect = true
		f.run(t.Context(), config)
		want := ping.Phases{Connect: 10 * time.Millisecond, FirstByte: 20 * time.Millisecond}
		for _, p := range got.probes {
			if diff := cmp.Diff(want, p.Phases); diff != "" || p.RTT != 50*time.Millisecond {
				t.Errorf("probe %d took %v, want 50ms; its parts (-want +got)\n%s", p.Seq, p.RTT, diff)
			}
		}
		if len(f.dials) != 3 || len(got.probes) != 3 || len(got.conns) != 0 {
			t.Errorf("got %d connections for %d probes, and %d connection events; want 3, 3 and 0", len(f.dials), len(got.probes), len(got.conns))
		}
	})
}

func TestReconnectReportsTheFateOfEachProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got events
		f := newService(t, func(n int, c *serviceConn) {
			p := <-c.in
			switch n {
			case 1:
				c.Write(p)
			case 2: // hangs up
			case 3:
				<-c.in // silence, until the prober has hung up
			case 4:
				c.Write(append(p, "more"...))
			case 5:
				p[50]++
				c.Write(p)
			}
		})
		config := got.every(time.Second, f.target("tcp"), 5)
		config.Reconnect = true
		f.run(t.Context(), config)
		compare(t, "fates", got.lines(), []string{
			"answered 1", "lost 2: premature-eof", "lost 3: timeout", "answered 4", "foreign 0: corrupt", "lost 5: corrupt",
		})
	})
}

// TestPhasesOfARealConnection has a name to look up, and a handshake.
func TestPhasesOfARealConnection(t *testing.T) {
	target := echo(t, "tls")
	_, port, _ := net.SplitHostPort(target.Address)
	named := target
	named.Address = net.JoinHostPort("localhost", port)
	named.TLS.ServerName = "127.0.0.1"
	for _, tt := range []struct {
		name   string
		target ping.Target
		dns    bool
	}{{"by address", target, false}, {"by name", named, true}} {
		t.Run(tt.name, func(t *testing.T) {
			var got events
			config := got.config(tt.target, 2)
			config.Reconnect = true
			run(t, config)
			for _, p := range got.probes {
				if p.Fate != ping.Answered || p.Phases.Connect <= 0 || p.Phases.TLS <= 0 || p.Phases.FirstByte <= 0 ||
					p.Phases.FirstByte > p.RTT || tt.dns != (p.Phases.DNS > 0) {
					t.Errorf("got %+v; want each phase, and dns only by name: %t", p, tt.dns)
				}
			}
		})
	}
}

// TestEndOfTheContextEndsWhatBlocks: a connect that is not accepted, and a write that is
// not read.
func TestEndOfTheContextEndsWhatBlocks(t *testing.T) {
	tests := []struct {
		name  string
		dial  func(ctx context.Context) (net.Conn, error)
		conns []string
	}{
		{"a connect", func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }, nil},
		{"a write", func(context.Context) (net.Conn, error) { here, _ := net.Pipe(); return here, nil }, []string{"up"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got events
				f := newService(t, nil)
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				defer cancel()
				config := got.every(time.Second, ping.Target{Network: "tcp", Address: "echo:7", Via: tt.dial}, 0)
				config.Timeout = time.Hour
				f.run(ctx, config)
				compare(t, "fates", got.lines(), nil)
				compare(t, "connections", got.connLines(), tt.conns)
				if took := time.Since(f.began); took != 500*time.Millisecond {
					t.Errorf("it ended after %v, want 500ms", took)
				}
			})
		})
	}
}

// TestTimeoutEndsWhatBlocks: the same, without an end of the context.
func TestTimeoutEndsWhatBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got events
		f := newService(t, nil)
		dials := 0
		config := got.every(time.Second, ping.Target{Network: "tcp", Address: "echo:7", Via: func(ctx context.Context) (net.Conn, error) {
			if dials++; dials == 1 {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			here, _ := net.Pipe()
			return here, nil
		}}, 2)
		config.Timeout = 900 * time.Millisecond
		f.run(t.Context(), config)
		compare(t, "fates", got.lines(), []string{"lost 1: timeout", "lost 2: timeout"})
		compare(t, "connections", got.connLines(), []string{"timeout", "up after 100ms"})
		if took := time.Since(f.began); took != 1900*time.Millisecond {
			t.Errorf("it took %v, want 1.9s", took)
		}
	})
}
