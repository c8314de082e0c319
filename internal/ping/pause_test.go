package ping

import (
	"context"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPauseIsNotTheLossOfThePath: the loop should have woken up after a second, and wakes up
// after ten. An answer that arrived before counts. The probe whose answer was read after the
// pause, and those that were due in it, are neither answered nor lost.
func TestPauseIsNotTheLossOfThePath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fates []Fate
		var pauses []Pause
		r := newRun(Config{
			Target: Target{Network: "udp"}, Interval: time.Second, Timeout: 2 * time.Second, Size: 64,
			OnProbe: func(p Probe) { fates = append(fates, p.Fate) }, OnPause: func(p Pause) { pauses = append(pauses, p) },
		})
		began := time.Now()
		r.conn = &connection{done: make(chan struct{})}
		for range 2 {
			r.flights.add(&flight{conn: r.conn, sent: began, stamp: 5})
		}
		answer := func(seq uint64, after time.Duration) arrival {
			return arrival{conn: r.conn, data: slices.Clone(r.payloads.probe(seq, 5)), at: began.Add(after)}
		}
		r.due = began.Add(time.Second)
		r.arrivals <- answer(1, 500*time.Millisecond)
		time.Sleep(10 * time.Second)
		r.afterWait(began.Add(time.Second), event{arrival: answer(2, 10*time.Second)}, true)
		r.expire(time.Now())
		if diff := cmp.Diff([]Fate{Answered}, fates); diff != "" {
			t.Errorf("fates (-want +got)\n%s", diff)
		}
		// Those that were due after 1 to 9 s are not sent. The one of 10 s is sent now.
		want := []Pause{{At: began.Add(10 * time.Second), For: 9 * time.Second, Probes: 9 + 1, InFlight: 1}}
		if diff := cmp.Diff(want, pauses); diff != "" || r.flights.inFlight != 0 || !r.due.Equal(began.Add(10*time.Second)) {
			t.Errorf("%d in flight, due after %v; pauses (-want +got)\n%s", r.flights.inFlight, r.due.Sub(began), diff)
		}
	})
}

// TestPauseOfTurnsMissesNoTurns: the machine is suspended when a turn has come. It is one probe,
// and only the one in flight is paused.
func TestPauseOfTurnsMissesNoTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pauses []Pause
		r := newRun(Config{Target: Target{Network: "udp"}, Interval: time.Second, Timeout: 2 * time.Second, Size: 64,
			Turn: make(chan struct{}), OnPause: func(p Pause) { pauses = append(pauses, p) }})
		r.flights.add(&flight{sent: time.Now()})
		r.due, r.suspended = time.Now(), func() time.Duration { return 9 * time.Second }
		r.seen = 0
		r.afterWait(time.Now(), event{}, true)
		want := []Pause{{At: time.Now(), For: 9 * time.Second, Probes: 1, InFlight: 1}}
		if diff := cmp.Diff(want, pauses); diff != "" || r.due.After(time.Now()) {
			t.Errorf("due in %v; pauses (-want +got)\n%s", time.Until(r.due), diff)
		}
	})
}

// TestPauseDropsNoEvents: more of them are waiting than are handled at once. Without one
// arrival, the rest of a stream looks corrupt.
func TestPauseDropsNoEvents(t *testing.T) {
	r := newRun(Config{Target: Target{Network: "tcp"}, Interval: time.Second, Timeout: time.Second, Size: 64})
	began := time.Unix(1000, 0)
	r.outcomes <- outcome{at: began}
	for range cap(r.arrivals) {
		r.arrivals <- arrival{at: began}
	}
	n := len(r.beforePause(began, event{arrival: arrival{at: began}})) + len(r.arrivals) + len(r.outcomes)
	if want := 1 + cap(r.arrivals) + 1; n != want {
		t.Errorf("%d of %d events are left", n, want)
	}
}

// TestPauseWhileTheLoopWorksIsAPause: the process can be stopped at any moment, not only
// while it waits. A long OnProbe is none: arrivals are read meanwhile.
func TestPauseWhileTheLoopWorksIsAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pauses []Pause
		r := newRun(Config{
			Target: Target{Network: "udp"}, Interval: time.Second, Timeout: 2 * time.Second, Size: 64,
			OnProbe: func(p Probe) { time.Sleep(5 * time.Second) }, OnPause: func(p Pause) { pauses = append(pauses, p) },
		})
		r.report(Probe{Fate: Foreign})
		if r.afterWork(true); len(pauses) != 0 {
			t.Errorf("after a long OnProbe: got %+v, want none", pauses)
		}
		r.due = time.Now()
		f := &flight{sent: time.Now()}
		r.flights.add(f)
		time.Sleep(5 * time.Second)
		r.expire(r.afterWork(true))
		want := []Pause{{At: time.Now(), For: 5 * time.Second, Probes: 5 + 1, InFlight: 1}}
		if diff := cmp.Diff(want, pauses); diff != "" || f.fate != paused {
			t.Errorf("the probe in flight is %q; pauses (-want +got)\n%s", f.fate, diff)
		}
	})
}

// TestPauseBeforeAnAnswerIsReadIsAPause: the process is stopped after the loop has looked at the
// clock. The time of the answer is after the pause, and longer after the probe than the timeout.
func TestPauseBeforeAnAnswerIsReadIsAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fates []Fate
		var pauses []Pause
		r := newRun(Config{
			Target: Target{Network: "udp"}, Interval: time.Second, Timeout: 2 * time.Second, Size: 64,
			OnProbe: func(p Probe) { fates = append(fates, p.Fate) }, OnPause: func(p Pause) { pauses = append(pauses, p) },
		})
		r.conn = &connection{done: make(chan struct{})}
		r.flights.add(&flight{conn: r.conn, sent: time.Now(), stamp: 5})
		now := r.afterWork(true)
		time.Sleep(5 * time.Second)
		r.arrivals <- arrival{conn: r.conn, data: r.payloads.probe(1, 5), at: time.Now()}
		r.receiveAll()
		r.expire(now)
		want := []Pause{{At: time.Now(), For: 5 * time.Second, Probes: 5 + 1, InFlight: 1}}
		if diff := cmp.Diff(want, pauses); diff != "" || len(fates) != 0 {
			t.Errorf("fates %v, want none; pauses (-want +got)\n%s", fates, diff)
		}
	})
}

// TestSuspendOfTheMachineIsAPause: the clock of the schedule stands still then, and what was
// in flight is gone.
func TestSuspendOfTheMachineIsAPause(t *testing.T) {
	for _, network := range []string{"tcp", "udp"} {
		synctest.Test(t, func(t *testing.T) {
			tally := NewTally()
			here, there := net.Pipe()
			r := newRun(Config{
				Target: Target{Network: network, Via: func(context.Context) (net.Conn, error) { return here, nil }},
				Count:  5, Interval: time.Second, Timeout: 3 * time.Second, Size: 64, OnProbe: tally.Probe, OnPause: tally.Pause,
			})
			var slept atomic.Int64
			r.seen = 0
			r.suspended = func() time.Duration { return time.Duration(slept.Load()) }
			go func() {
				for n, p := 0, make([]byte, 64); ; n++ {
					if _, err := there.Read(p); err != nil {
						return
					}
					if n == 2 && network == "udp" {
						slept.Store(int64(time.Hour)) // and the probe is gone
						continue
					}
					if n == 2 {
						slept.Store(int64(time.Hour))
						time.Sleep(2500 * time.Millisecond)
					}
					there.Write(p)
				}
			}()
			ctx, cancel := context.WithCancel(t.Context())
			r.loop(ctx)
			cancel()
			r.closeConn(false)
			there.Close()
			r.workers.Wait()
			if s := tally.Summary(); s.Received != 5 || s.Lost != 0 || s.Paused != 3600+1 || s.PausedFor != time.Hour {
				t.Errorf("%s: got %d received, %d lost, %d in a pause of %v; want 5, 0, 3601 and 1h", network, s.Received, s.Lost, s.Paused, s.PausedFor)
			}
		})
	}
}
