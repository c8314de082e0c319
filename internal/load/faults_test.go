package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"echod/echotest"
	"echod/internal/dial"
)

func TestWrongByteEndsARun(t *testing.T) {
	honest := echotest.NewServer(t).URL()
	tests := []struct {
		name   string
		url    string
		size   string
		offset int64 // -1: any
	}{
		{"a banner", echotest.NewBroken(t, echotest.SendsBanner()).URL(), "64", -1},
		{"swapped", echotest.NewBroken(t, echotest.SwapsBytes()).URL(), "64", 5000},
		{"dropped", echotest.NewBroken(t, echotest.DropsByte()).URL(), "64", 5000},
		{"added", echotest.NewBroken(t, echotest.AddsByte()).URL(), "64", 5000},
		{"changed on the way", echotest.NewBrokenProxy(t, echotest.ChangesByte(), honest).URL(), "64", 5000},
		{"cut datagrams", echotest.NewBroken(t, echotest.TruncatesDatagrams()).URL(), "3000", 2048},
	}
	eachDriver(t, func(t *testing.T, run runner) {
		for _, tt := range tests {
			p := planFor(t, tt.url, tt.size)
			p.Duration = time.Hour // the test's timeout is the proof that it ends at once
			r, err := run(t.Context(), p)
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			w := r.Wrong
			if w == nil || w.Conn < 0 || w.Conn >= p.Conns || w.Got == w.Want || tt.offset >= 0 && w.Offset < tt.offset || w.Offset > tt.offset+64 && tt.offset >= 0 {
				t.Errorf("%s: got %+v, want one from offset %d on", tt.name, w, tt.offset)
			}
			if p.Target.Network == "udp" && (r.Failed[dial.Corrupt] == 0 || r.Lost > 0) {
				t.Errorf("%s: got failed %v and %d lost, want corrupt datagrams", tt.name, r.Failed, r.Lost)
			}
		}
	})
}

func TestBytesAreComparedOnlyIfThePlanSaysSo(t *testing.T) {
	url := echotest.NewBrokenProxy(t, echotest.ChangesByte(), echotest.NewServer(t).URL()).URL()
	eachDriver(t, func(t *testing.T, run runner) {
		p := planFor(t, url, "64")
		p.Conns, p.Duration, p.Messages, p.Verify = 1, 0, 200, false // byte 5000 is in the 79th
		if r, err := run(t.Context(), p); err != nil || r.Wrong != nil || r.Answered < 200 {
			t.Errorf("got %+v, %v; want 200 messages and nothing wrong", r, err)
		}
	})
}

func TestFailedConnectionsAreCountedAndReplaced(t *testing.T) {
	answersOnce := func(end func(*net.TCPConn)) func(*net.TCPConn) {
		return func(c *net.TCPConn) {
			piece := make([]byte, 64)
			for range 3 {
				n, err := c.Read(piece)
				if err != nil {
					return
				}
				c.Write(piece[:n])
			}
			c.Read(piece)
			end(c)
		}
	}
	tests := []struct {
		name  string
		serve func(*net.TCPConn)
		churn bool
		want  dial.Class
	}{
		{"closes", answersOnce(func(c *net.TCPConn) { c.CloseWrite(); io.Copy(io.Discard, c) }), false, dial.PrematureEOF},
		{"resets", answersOnce(func(c *net.TCPConn) { c.SetLinger(0) }), false, dial.Reset},
		{"stalls", answersOnce(func(c *net.TCPConn) { io.Copy(io.Discard, c) }), false, dial.Timeout},
		{"closes at once, churn", func(c *net.TCPConn) { c.Read(make([]byte, 64)) }, true, dial.PrematureEOF},
	}
	for name, make := range drivers {
		for _, tt := range tests {
			for _, rate := range []float64{0, 100} {
				t.Run(name+"/"+tt.name, func(t *testing.T) {
					t.Parallel()
					p := planFor(t, serveEach(t, tt.serve), "64")
					p.Conns, p.Rate, p.Churn, p.Timeout = 2, PerSecond(rate), tt.churn, 300*time.Millisecond
					p.Duration, p.Messages = 0, 30
					r, err := runWith(t.Context(), p, nil, make)
					for tries := 0; tries < 10 && rate > 0 && tt.want != dial.Timeout && r.Connects < 3; tries++ {
						r, err = runWith(t.Context(), p, nil, make) // the schedule was over before a busy machine had connected again
					}
					if none := new(dial.UnreachableError); errors.As(err, &none) == (r.Answered > 0) {
						t.Fatalf("got %d messages, %v", r.Answered, err)
					}
					if r.Failed[tt.want] < 2 || rate == 0 && !tt.churn && tt.want != dial.Timeout && r.Answered <= 6 {
						t.Errorf("rate %g: got %d messages, errors %v; want more than 3 from each of 2 connections, and %s", rate, r.Answered, r.Failed, tt.want)
					}
					if r.Due != p.Messages || !r.Balanced() {
						t.Errorf("rate %g: got %d due, %d answered, failed %v; want an outcome for each of %d", rate, r.Due, r.Answered, r.Failed, p.Messages)
					}
					if tt.want != dial.Timeout && r.Disconnects[tt.want] < 2 || tt.want != dial.Timeout && r.Connects < 3 {
						t.Errorf("rate %g: got %d connections, disconnects %v; want some that ended with %s", rate, r.Connects, r.Disconnects, tt.want)
					}
				})
			}
		}
	}
}

// serveEach has serve handle each connection, which is closed when it returns.
func serveEach(t *testing.T, serve func(*net.TCPConn)) string {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.AcceptTCP()
			if err != nil {
				return
			}
			serving.Go(func() {
				release := context.AfterFunc(ctx, func() { c.Close() })
				defer release()
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() { cancel(); l.Close(); serving.Wait() })
	return "tcp://" + l.Addr().String()
}

func TestEachDatagramOfABadPathHasAnOutcome(t *testing.T) {
	honest := echotest.NewUDPServer(t).URL()
	tests := []struct {
		fault echotest.ProxyFault
		want  func(d *Result) bool
	}{
		{echotest.DropsDatagrams(), func(d *Result) bool { return d.Lost > 0 }},
		{echotest.DuplicatesDatagrams(), func(d *Result) bool { return d.Duplicated > 0 && d.Lost == 0 }},
		{echotest.ReordersDatagrams(), func(d *Result) bool { return d.Reordered > 0 }},
	}
	for name, make := range drivers {
		for i := range 2 * len(tests) {
			tt, plan, load := tests[i/2], func(p *Plan) { p.Rate = PerSecond(200) }, "open loop"
			if i%2 > 0 {
				plan, load = depth(16), "16 in flight"
			}
			t.Run(name+"/"+tt.fault.Name+"/"+load, func(t *testing.T) {
				t.Parallel()
				p := planFor(t, echotest.NewBrokenProxy(t, tt.fault, honest).URL(), "64")
				p.Duration, p.Messages, p.Timeout = 0, 90, time.Second
				plan(&p)
				r, err := runWith(t.Context(), p, nil, make)
				if err != nil {
					t.Fatal(err)
				}
				if !tt.want(r) || r.Wrong != nil || len(r.Failed) > 0 {
					t.Errorf("got %d lost, %d duplicated, %d reordered, wrong %+v, failed %v", r.Lost, r.Duplicated, r.Reordered, r.Wrong, r.Failed)
				}
				if r.Answered+r.Lost != 90 || r.Sent != 90 || r.Due != 90 {
					t.Errorf("got %d sent, %d answered, %d lost; want 90 answered or lost", r.Sent, r.Answered, r.Lost)
				}
			})
		}
	}
}

// The error says that an earlier datagram was refused. One that was refused is not lost.
func TestRefusedDatagramHasFailed(t *testing.T) {
	for name, make := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := planFor(t, "udp://127.77.0.9:9", "64")
			p.Rate, p.Duration, p.Messages, p.Timeout = PerSecond(200), 0, 40, 200*time.Millisecond
			r, err := runWith(t.Context(), p, nil, make)
			var unreachable *dial.UnreachableError
			if !errors.As(err, &unreachable) || unreachable.Class != dial.Refused {
				t.Errorf("got %v, want refused", err)
			}
			if r.Failed[dial.Refused] == 0 || r.Failed.Total()+r.Lost != 40 {
				t.Errorf("got %d lost, failed %v; want 40 in all, and refusals", r.Lost, r.Failed)
			}
		})
	}
}

// With churn on a schedule no connection is made for nothing: after a failure the next
// one waits for the next message.
func TestChurnSendsOnlyScheduledMessages(t *testing.T) {
	url := serveEach(t, func(c *net.TCPConn) { c.Read(make([]byte, 64)) })
	for name, make := range drivers {
		p := planFor(t, url, "64")
		p.Conns, p.Churn, p.Rate, p.Duration, p.Messages = 1, true, PerSecond(10), 0, 5
		if r, _ := runWith(t.Context(), p, nil, make); r.Due != 5 || r.Sent != 5 || r.Failed.Total() != 5 || r.Seconds < 0.4 {
			t.Errorf("%s: got %d due, %d sent, failed %v in %gs; want 5 of each, 0.1s apart", name, r.Due, r.Sent, r.Failed, r.Seconds)
		}
	}
}

// Only the driver on package net speaks TLS: Run must choose it.
func TestLoadOverTLSIsAnswered(t *testing.T) {
	tests := []struct {
		name string
		plan func(p *Plan)
	}{
		{"closed loop", func(p *Plan) {}},
		{"four in flight", func(p *Plan) { p.Depth = 4; p.Sizes, _ = ParseSizes("1-100KiB") }},
		{"open loop", func(p *Plan) { p.Rate = PerSecond(500) }},
		{"churn", func(p *Plan) { p.Churn = true }},
	}
	server := echotest.NewTLSServer(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := planFor(t, server.URL(), "64")
			p.Target.TLS = server.TLS()
			p.Duration, p.Messages = 0, 100
			tt.plan(&p)
			r, err := Run(t.Context(), p, nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.Answered < 100 || r.Wrong != nil || len(r.Failed) > 0 || r.Connect.Count() == 0 {
				t.Errorf("got %d messages by %d connections, wrong %+v, errors %v; want 100, nothing wrong, no errors",
					r.Answered, r.Connect.Count(), r.Wrong, r.Failed)
			}
		})
	}
}

func TestCertificateThatIsNotTrustedIsTheError(t *testing.T) {
	p := planFor(t, echotest.NewTLSServer(t).URL(), "64")
	p.Target.TLS = &tls.Config{}
	_, err := Run(t.Context(), p, nil)
	var unreachable *dial.UnreachableError
	if !errors.As(err, &unreachable) || unreachable.Class != dial.TLS {
		t.Errorf("got %v, want %s", err, dial.TLS)
	}
}

// While the last answers are waited for, a connection that ends is not replaced: nothing is sent
// on it.
func TestNoConnectionIsOpenedAfterTheEnd(t *testing.T) {
	for name, make := range drivers {
		for _, rate := range []float64{0, 200} {
			t.Run(fmt.Sprintf("%s/rate %g", name, rate), func(t *testing.T) {
				t.Parallel()
				var served atomic.Int64 // connections with a message: the first is not answered
				draining, drain := context.WithCancel(t.Context())
				url := serveEach(t, func(c *net.TCPConn) {
					var message [64]byte
					if _, err := io.ReadFull(c, message[:]); err != nil {
						return // it only reached the service
					}
					if served.Add(1) > 1 {
						defer context.AfterFunc(draining, func() { c.CloseWrite() })()
						c.Write(message[:])
						io.Copy(c, c)
					}
					io.Copy(io.Discard, c)
				})
				p := planFor(t, url, "64")
				p.Conns, p.Rate, p.Timeout, p.Duration = 3, PerSecond(rate), 2*time.Second, 250*time.Millisecond
				r, err := runWith(t.Context(), p, func(now Progress) {
					if now.Draining {
						drain()
					}
				}, make)
				if err != nil {
					t.Fatal(err)
				}
				if r.Connects != 3 || !r.Balanced() {
					t.Errorf("got %d connections, disconnects %v, failed %v; want the 3 of the plan", r.Connects, r.Disconnects, r.Failed)
				}
			})
		}
	}
}
