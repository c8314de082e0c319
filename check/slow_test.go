package check_test

import (
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"echod/check"
)

// slowPath is a path to a server. It forwards in each direction of each connection at rate
// bytes a second, and every piece after delay.
type slowPath struct {
	rate  int
	delay time.Duration // of one direction
	limit int           // connections at once; 0 means any number
}

// start returns the target behind the path.
func (path slowPath) start(t *testing.T, server check.Target) check.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var (
		conns sync.WaitGroup
		slots = make(chan struct{}, max(path.limit, 1<<10*(1-min(path.limit, 1))))
		mu    sync.Mutex
		open  = map[net.Conn]bool{}
	)
	track := func(c net.Conn, is bool) {
		mu.Lock()
		defer mu.Unlock()
		if open[c] = is; !is {
			c.Close()
			delete(open, c)
		}
	}
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			select {
			case slots <- struct{}{}:
			default:
				c.(*net.TCPConn).SetLinger(0)
				c.Close()
				continue
			}
			track(c, true)
			conns.Go(func() {
				defer func() { track(c, false); <-slots }()
				up, err := net.Dial("tcp", server.Address)
				if err != nil {
					return
				}
				track(up, true)
				defer track(up, false)
				var both sync.WaitGroup
				both.Go(func() { path.forward(up, c) })
				both.Go(func() { path.forward(c, up) })
				both.Wait()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		conns.Wait()
	})
	return check.Target{Network: "tcp", Address: l.Addr().String()}
}

// forward copies from one connection to the other. What is on its way is in a queue of at
// most what the path carries during the delay.
func (path slowPath) forward(to, from net.Conn) {
	type piece struct {
		bytes []byte
		due   time.Time
	}
	const size = 4 << 10
	queue := make(chan piece, 1+int(path.delay.Seconds()*float64(path.rate))/size)
	go func() {
		defer close(queue)
		free := time.Now() // when the link has sent what it has
		for {
			buf := make([]byte, size)
			n, err := from.Read(buf)
			if n > 0 {
				if now := time.Now(); free.Before(now) {
					free = now
				}
				free = free.Add(time.Duration(n) * time.Second / time.Duration(path.rate))
				time.Sleep(time.Until(free))
				queue <- piece{buf[:n], time.Now().Add(path.delay)}
			}
			if err == io.EOF {
				queue <- piece{nil, time.Now().Add(path.delay)}
			}
			if err != nil {
				return
			}
		}
	}()
	failed := false
	for p := range queue {
		time.Sleep(time.Until(p.due))
		switch {
		case failed:
		case p.bytes == nil:
			to.(*net.TCPConn).CloseWrite()
		default:
			if _, err := to.Write(p.bytes); err != nil {
				from.Close()
				failed = true
			}
		}
	}
}

// The client's send buffer is larger than what the path carries within the timeout, so a
// write waits for longer. The bytes move all the time.
func TestAWriteThatWaitsForASlowPathIsNotADeadlock(t *testing.T) {
	t.Parallel()
	target := slowPath{rate: 800 << 10}.start(t, serve(t))
	got := runRule(t, target.String(), "stream/bulk", check.Options{Timeout: time.Second, Bulk: 5 << 20})
	wantDetail(t, got, check.Pass, "", `MiB`)
}

func TestAFINThatTakesARoundTripIsNotLate(t *testing.T) {
	t.Parallel()
	target := slowPath{rate: 1 << 20, delay: 600 * time.Millisecond}.start(t, serve(t))
	got := runRule(t, target.String(), "stream/close-latency", check.Options{})
	wantDetail(t, got, check.Pass, "", `^FIN after 1\.`)
}

// What is slow and honest passes, or does not fit into the budget. Without ECHOD_SOAK only
// some rules run.
func TestNoFalseAlarmOnASlowHonestPath(t *testing.T) {
	for _, tt := range []struct {
		name string
		path slowPath
		some []string // the rules of the short version
	}{
		{"100 KiB/s", slowPath{rate: 100 << 10}, []string{"stream/concurrency", "stream/half-close-owed"}},
		{"round trip of 300 ms", slowPath{rate: 1 << 20, delay: 150 * time.Millisecond}, []string{"stream/binary-exact", "stream/size-sweep", "stream/slow-reader"}},
		{"round trip of 2.5 s", slowPath{rate: 1 << 20, delay: 1250 * time.Millisecond}, []string{"stream/first-byte", "stream/half-close", "stream/zero-window"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			options := check.Options{Stall: time.Second, Rules: tt.some, Skip: []string{"stream/urgent"}}
			if os.Getenv("ECHOD_SOAK") != "" {
				options.Rules = nil
			}
			report, err := check.Run(t.Context(), tt.path.start(t, serve(t)), options)
			if err != nil {
				t.Fatal(err)
			}
			if report.Verdict() != check.Pass {
				t.Error("an honest path failed")
			}
			if report.Path.RoundTrip < 2*tt.path.delay {
				t.Errorf("got a round trip of %v, want at least %v", report.Path.RoundTrip, 2*tt.path.delay)
			}
			report.WriteText(t.Output(), false)
		})
	}
}
