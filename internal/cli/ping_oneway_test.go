package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"echod/echotest"
	"echod/internal/agent"
	"echod/internal/endpoint"
)

// startAgent starts an agent, and returns the URLs of its TCP port and its UDP port.
func startAgent(t *testing.T, token string) (tcp, udp string) {
	t.Helper()
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- (&agent.Server{Token: agent.NewSecret(token), UDP: conn}).Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return endpoint.Format("tcp", ln.Addr().String()), endpoint.Format("udp", conn.LocalAddr().String())
}

// directions is the one_way of the summary in JSON.
type directions struct {
	Sent, Exchanges int64
	There, Back     struct {
		Lost, Reordered, Duplicated int64
		Above                       struct {
			Max float64 `json:"max_seconds"`
		} `json:"above_min"`
	}
	LostUnknown int64 `json:"lost_unknown"`
	Asymmetry   struct{ Slower string }
	Clock       struct {
		Offset float64 `json:"offset_seconds"`
		Error  float64 `json:"offset_error_seconds"`
	}
}

// pingBothWays sends probes to the agent through a path. If there is a service, they go there
// too.
func pingBothWays(t *testing.T, path echotest.Path, service string, probes int, wait time.Duration) directions {
	t.Helper()
	tcp, udp := startAgent(t, "open-sesame")
	relay := echotest.NewRelay(t, path, udp)
	f, out := newPingFlags(), new(bytes.Buffer)
	f.format, f.count, f.config.Interval, f.config.Timeout = "json", int64(probes), 5*time.Millisecond, wait
	f.oneWay = oneWayFlags{tcp, relay.URL(), "open-sesame"}
	if service == "" {
		service = relay.URL()
	}
	configs, err := f.configsFor([]string{service})
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{Stdout: out, Stderr: io.Discard, Getenv: func(string) string { return "" }}
	if err := f.run(t.Context(), p, configs); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var summary struct {
		OneWay *directions `json:"one_way"`
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &summary); err != nil || summary.OneWay == nil {
		t.Fatalf("got %v, %s", err, lines[len(lines)-1])
	}
	got := *summary.OneWay
	// Both ends have the same clock, however asymmetric the path is.
	if got.Clock.Offset > got.Clock.Error || got.Clock.Offset < -got.Clock.Error {
		t.Errorf("got an offset of %v s ± %v s to the same clock", got.Clock.Offset, got.Clock.Error)
	}
	return got
}

func TestPingNamesTheSlowDirection(t *testing.T) {
	t.Parallel()
	for name, direction := range map[string]echotest.Direction{"there": echotest.ToServer, "back": echotest.ToClient} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const held = 2 * time.Second
			path := echotest.Path{Faults: []echotest.PathFault{{Do: echotest.Delay, After: held, Direction: direction, Chunks: echotest.Nth(20)}}}
			got := pingBothWays(t, path, "", 30, time.Minute)
			slow, other := got.There, got.Back
			if name == "back" {
				slow, other = other, slow
			}
			if got.Exchanges != 30 || got.Asymmetry.Slower != name || slow.Above.Max < 0.9*held.Seconds() || other.Above.Max > slow.Above.Max {
				t.Errorf("got %+v, want a delay of %v on the way %s", got, held, name)
			}
		})
	}
}

func TestPingNamesTheDirectionThatLosesProbes(t *testing.T) {
	t.Parallel()
	service := echotest.NewServer(t)
	tests := []struct {
		name, service                 string
		direction                     echotest.Direction
		do                            echotest.Action
		lostThere, lostBack           int64
		reorderedThere, reorderedBack int64
	}{
		{"lost there", "", echotest.ToServer, echotest.Drop, 5, 0, 0, 0},
		{"lost on the way back", "", echotest.ToClient, echotest.Drop, 0, 5, 0, 0},
		{"lost on both ways", "", echotest.Both, echotest.Drop, 5, 4, 0, 0},
		{"beside a service", service.URL(), echotest.ToServer, echotest.Drop, 5, 0, 0, 0},
		{"reordered there", "", echotest.ToServer, echotest.Reorder, 0, 0, 5, 0},
		{"reordered on the way back", "", echotest.ToClient, echotest.Reorder, 0, 0, 0, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := echotest.Path{Faults: []echotest.PathFault{{Do: tt.do, Direction: tt.direction, Chunks: echotest.EveryNth(4)}}}
			got := pingBothWays(t, path, tt.service, 21, 2*time.Second)
			if got.Sent != 21 || got.There.Lost != tt.lostThere || got.Back.Lost != tt.lostBack || got.LostUnknown != 0 {
				t.Errorf("got %+v, want %d lost there and %d on the way back", got, tt.lostThere, tt.lostBack)
			}
			if got.There.Reordered != tt.reorderedThere || got.Back.Reordered != tt.reorderedBack {
				t.Errorf("got %+v, want %d reordered there and %d on the way back", got, tt.reorderedThere, tt.reorderedBack)
			}
		})
	}
}

// TestAgentThatCannotStampIsOneLine has what an agent of an older version answers.
func TestAgentThatCannotStampIsOneLine(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			fmt.Fprintln(conn, `echod-agent/1 ok {"scenarios":["take","datagram-late"],"max_delay_ms":81000}`)
			io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	url := endpoint.Format("tcp", ln.Addr().String())
	var out bytes.Buffer
	f := newPingFlags()
	f.oneWay.agent = url
	configs, err := f.configsFor([]string{"udp://127.0.0.1:7"})
	if err != nil {
		t.Fatal(err)
	}
	err = f.run(t.Context(), &Process{Stdout: &out, Stderr: io.Discard, Getenv: func(string) string { return "" }}, configs)
	var exit *exitError
	if want := "--agent " + url + ": the agent is older: it does not stamp datagrams"; !errors.As(err, &exit) || exit.code != Unknown || err.Error() != want || out.Len() > 0 {
		t.Errorf("got %v and %q, want %s", err, out.String(), want)
	}
}
