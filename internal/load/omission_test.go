package load

import (
	"io"
	"net"
	"testing"
	"time"
)

// stallsOnce starts an echo service that sends nothing on any connection for a while,
// once, after that many reads.
func stallsOnce(t *testing.T, after int, stall time.Duration) string {
	pieces := make(chan int, 1) // how many there were; nobody gets it during the stall
	pieces <- 0
	return serveEach(t, func(c *net.TCPConn) {
		buf := make([]byte, 4<<10)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			count := <-pieces
			if count == after {
				time.Sleep(stall) // this is the fault of the server, not a wait for an event
			}
			pieces <- count + 1
			if _, err := c.Write(buf[:n]); err != nil {
				return
			}
		}
	})
}

// The latency of a message that was due during a stall is the rest of the stall: for half
// of these messages, half of the stall or more. A closed loop does not send them.
func TestMessagesDueDuringAStallWaitForItsEnd(t *testing.T) {
	const (
		stall = 500 * time.Millisecond
		rate  = 200
	)
	eachDriver(t, func(t *testing.T, run runner) {
		t.Parallel()
		p := planFor(t, stallsOnce(t, 40, stall), "64")
		p.Conns, p.Rate, p.Duration = 4, PerSecond(rate), time.Second
		r, err := run(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		// 200 messages: 100 are due in the stall, 50 in its first half.
		if got := r.Latency.Quantile(0.78); got < stall/2 {
			t.Errorf("got p78 %v, want %v at least", got, stall/2)
		}
		if got := r.Latency.Max(); got < stall*9/10 {
			t.Errorf("got max %v, want about the %v of the stall at least", got, stall)
		}
		if r.Behind != nil && r.Behind.SchedulingDelay >= stall*3/4 { // a busy machine may be late by itself
			t.Errorf("got %+v, want the stall in the latency only", *r.Behind)
		}
		if r.Answered != r.Sent || r.Answered < 199 {
			t.Errorf("got %d of %d messages back, want all of 200", r.Answered, r.Sent)
		}

		p = planFor(t, stallsOnce(t, 40, stall), "64")
		p.Conns, p.Duration, p.Messages = 4, 0, 2000
		closed, err := run(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if got := closed.Latency.Max(); got < stall*9/10 {
			t.Errorf("closed loop: got max %v, want about the %v of the stall at least", got, stall)
		}
		if got, open := closed.Latency.Quantile(0.99), r.Latency.Quantile(0.78); got >= open {
			t.Errorf("closed loop: got p99 %v, the open one's p78 is %v; want only one message of each connection to see the stall", got, open)
		}
	})
}

func TestTooSlowGeneratorSaysSo(t *testing.T) {
	url := stallsOnce(t, -1, 0)
	eachDriver(t, func(t *testing.T, run runner) {
		p := planFor(t, url, "64")
		p.Conns, p.Rate, p.Duration, p.Timeout = 2, PerSecond(1e8), 50*time.Millisecond, 100*time.Millisecond
		r, err := run(t.Context(), p)
		if r == nil {
			t.Fatal(err)
		}
		if r.Behind == nil || r.Behind.Target != 1e8 || r.Behind.Achieved >= 1e8 {
			t.Errorf("got %+v of 1e8 messages a second, want it reported", r.Behind)
		}
	})
}

// With churn, messages wait for those before them if the server is slow. The generator
// has taken them from the schedule in time.
func TestSchedulingDelayIsNotTheServersDelay(t *testing.T) {
	const delay = 100 * time.Millisecond
	url := serveEach(t, func(c *net.TCPConn) {
		message, _ := io.ReadAll(c)
		time.Sleep(delay) // this is the fault of the server, not a wait for an event
		c.Write(message)
	})
	eachDriver(t, func(t *testing.T, run runner) {
		t.Parallel()
		p := planFor(t, url, "64")
		p.Conns, p.Churn, p.Rate, p.Duration, p.Messages = 1, true, PerSecond(100), 0, 20
		r, err := run(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		// The tenth has waited for nine of them, which are 10 ms apart.
		late, latency := r.SchedulingDelay.Quantile(0.5), r.Latency.Quantile(0.5)
		if latency < 5*delay || late > latency/4 || r.SchedulingDelay.Count() != 20 {
			t.Errorf("got scheduling delay p50 %v of %d, latency p50 %v; want the delay in the latency only", late, r.SchedulingDelay.Count(), latency)
		}
	})
}
