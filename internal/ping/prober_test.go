package ping_test

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"echod/echotest"
	"echod/internal/dial"
	"echod/internal/ping"
)

// events are the events of a Prober, in order.
type events struct {
	probes []ping.Probe
	conns  []ping.ConnEvent
}

// config returns a config with a short interval and a long timeout, for slow machines.
func (t *events) config(target ping.Target, count int) ping.Config {
	return ping.Config{
		Target: target, Count: count, Interval: time.Millisecond, Timeout: 30 * time.Second, Size: 64,
		OnProbe: func(p ping.Probe) { t.probes = append(t.probes, p) },
		OnConn:  func(e ping.ConnEvent) { t.conns = append(t.conns, e) },
	}
}

func run(t *testing.T, c ping.Config) {
	t.Helper()
	prober, err := ping.New(c)
	if err != nil {
		t.Fatal(err)
	}
	prober.Run(t.Context())
}

// echo starts an honest echo service until the end of the test.
func echo(t *testing.T, network string) ping.Target {
	t.Helper()
	start := map[string]func(testing.TB) *echotest.Server{
		"tcp": echotest.NewServer, "tls": echotest.NewTLSServer, "udp": echotest.NewUDPServer, "unix": echotest.NewUnixServer,
	}
	server := start[network](t)
	target, err := dial.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	target.TLS = server.TLS()
	return target
}

func TestEveryProbeOfAnHonestEchoIsAnswered(t *testing.T) {
	for _, network := range []string{"tcp", "tls", "udp", "unix"} {
		t.Run(network, func(t *testing.T) {
			var got events
			run(t, got.config(echo(t, network), 5))
			for i, p := range got.probes {
				if p.Fate != ping.Answered || p.Seq != uint64(i+1) || p.RTT <= 0 || p.Reordered || p.Err != nil {
					t.Errorf("probe %d: got %+v", i+1, p)
				}
			}
			if len(got.probes) != 5 || len(got.conns) != 1 || !got.conns[0].Up {
				t.Errorf("got %d probes and links %+v, want 5 and one that is up", len(got.probes), got.conns)
			}
		})
	}
}

// A connection ends with a FIN, or with a reset if an answer is due: nobody will read it.
func TestConnectionEndsWithAFINUnlessAnAnswerIsDue(t *testing.T) {
	tests := []struct {
		name    string
		answers bool
		want    error
	}{
		{"all are answered", true, io.EOF},
		{"an answer is due", false, syscall.ECONNRESET},
	}
	for _, tt := range tests {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		end := make(chan error, 1)
		go func() {
			conn, err := ln.Accept()
			if err != nil {
				end <- err
				return
			}
			defer conn.Close()
			probe := make([]byte, 64)
			if _, err := io.ReadFull(conn, probe); err != nil {
				end <- err
				return
			}
			if tt.answers {
				conn.Write(probe)
			} else {
				cancel()
			}
			_, err = conn.Read(probe)
			end <- err
		}()
		var got events
		prober, err := ping.New(got.config(ping.Target{Network: "tcp", Address: ln.Addr().String()}, 1))
		if err != nil {
			t.Fatal(err)
		}
		prober.Run(ctx)
		if err := <-end; !errors.Is(err, tt.want) {
			t.Errorf("%s: the service saw %v, want %v", tt.name, err, tt.want)
		}
	}
}
