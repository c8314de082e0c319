package ping_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/dial"
	"echod/internal/ping"
)

// every returns a config with one probe per interval, which is also the timeout.
func (t *events) every(interval time.Duration, target ping.Target, count int) ping.Config {
	c := t.config(target, count)
	c.Interval, c.Timeout = interval, interval
	return c
}

func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got)\n%s", what, diff)
	}
}

// TestDatagramsAreReportedByTheirFate sends probes to a service that treats one of them
// differently.
func TestDatagramsAreReportedByTheirFate(t *testing.T) {
	tests := []struct {
		name string
		do   func(c *serviceConn, p []byte) // with the second of four probes
		want []string                       // before the fourth is answered
	}{
		{"answered", func(c *serviceConn, p []byte) { c.Write(p) }, []string{"answered 1", "answered 2", "answered 3"}},
		{"answered slowly", func(c *serviceConn, p []byte) { time.Sleep(200 * time.Millisecond); c.Write(p) },
			[]string{"answered 1", "answered 2 in 200ms", "answered 3"}},
		{"dropped", func(c *serviceConn, p []byte) {}, []string{"answered 1", "answered 3", "lost 2: timeout"}},
		{"doubled", func(c *serviceConn, p []byte) { c.Write(p); c.Write(p) },
			[]string{"answered 1", "answered 2", "duplicated 2", "answered 3"}},
		{"overtaken", func(c *serviceConn, p []byte) { c.Write(<-c.in); c.Write(p) },
			[]string{"answered 1", "answered 3", "answered 2 in 1s reordered"}},
		{"late", func(c *serviceConn, p []byte) { c.Write(<-c.in); time.Sleep(600 * time.Millisecond); c.Write(p) },
			[]string{"answered 1", "answered 3", "lost 2: timeout", "late 2 in 1.6s reordered"}},
		{"late and doubled", func(c *serviceConn, p []byte) {
			third := <-c.in
			time.Sleep(600 * time.Millisecond)
			c.Write(p)
			c.Write(p)
			c.Write(third)
		}, []string{"answered 1", "lost 2: timeout", "late 2 in 1.6s", "duplicated 2 in 1.6s", "answered 3 in 600ms"}},
		{"altered", func(c *serviceConn, p []byte) { p[40] ^= 1; c.Write(p) },
			[]string{"answered 1", "lost 2: corrupt", "answered 3"}},
		{"cut", func(c *serviceConn, p []byte) { c.Write(p[:50]) },
			[]string{"answered 1", "lost 2: corrupt", "answered 3"}},
		{"doubled, and the second altered", func(c *serviceConn, p []byte) { c.Write(p); p[40] ^= 1; c.Write(p) },
			[]string{"answered 1", "answered 2", "duplicated 2: corrupt", "answered 3"}},
		{"forged under another number", func(c *serviceConn, p []byte) { p[7]++; c.Write(p) },
			[]string{"answered 1", "foreign 0", "answered 3", "lost 2: timeout"}},
		{"forged at another time", func(c *serviceConn, p []byte) { p[15]++; c.Write(p) },
			[]string{"answered 1", "foreign 0", "answered 3", "lost 2: timeout"}},
		{"forged, and answered", func(c *serviceConn, p []byte) { c.Write([]byte("hello")); c.Write(p) },
			[]string{"answered 1", "foreign 0", "answered 2", "answered 3"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got events
				f := newService(t, func(_ int, c *serviceConn) {
					c.Write(<-c.in)
					tt.do(c, <-c.in)
					c.echo()
				})
				config := got.every(time.Second, f.target("udp"), 4)
				config.Timeout = 1500 * time.Millisecond
				f.run(t.Context(), config)
				compare(t, "fates", got.lines(), append(tt.want, "answered 4"))
			})
		})
	}
}

func TestDatagramsAreSentOnScheduleWithoutAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got events
		f := newService(t, func(_ int, c *serviceConn) {
			for range c.in {
				// never answered
			}
		})
		config := got.every(time.Second, f.target("udp"), 4)
		config.Timeout = 10 * time.Second
		f.run(t.Context(), config)
		for i, p := range got.probes {
			if after := p.Sent.Sub(f.began); after != time.Duration(i)*time.Second || p.At.Sub(p.Sent) != config.Timeout {
				t.Errorf("probe %d left after %v and was lost %v later; want %ds and %v", p.Seq, after, p.At.Sub(p.Sent), i, config.Timeout)
			}
		}
		if len(got.probes) != 4 {
			t.Errorf("got %d probes, want 4", len(got.probes))
		}
	})
}

// TestTimesAreThoseOfTheEvents: OnProbe may take long. Answers that arrive in the
// meantime have the time of their arrival, and probes that were due are not sent later.
func TestTimesAreThoseOfTheEvents(t *testing.T) {
	tests := []struct {
		name  string
		after time.Duration // the second is answered, after it was sent
		want  []string
		left  []time.Duration // in seconds
	}{
		{"in time", 400 * time.Millisecond,
			[]string{"answered 1 in 1s", "answered 2 in 400ms", "answered 3", "answered 4"}, []time.Duration{0, 1, 3, 4}},
		{"late", 1600 * time.Millisecond,
			[]string{"answered 1 in 1s", "lost 2: timeout", "late 2 in 1.6s", "answered 3", "answered 4"}, []time.Duration{0, 1, 1, 3, 4}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got events
				f := newService(t, func(_ int, c *serviceConn) {
					first, second := <-c.in, <-c.in
					c.Write(first)
					time.Sleep(tt.after)
					c.Write(second)
					c.echo()
				})
				config := got.every(time.Second, f.target("udp"), 4)
				config.Timeout = 1500 * time.Millisecond
				config.OnProbe = func(p ping.Probe) {
					if got.probes = append(got.probes, p); len(got.probes) == 1 {
						time.Sleep(2 * time.Second)
					}
				}
				f.run(t.Context(), config)
				compare(t, "fates", got.lines(), tt.want)
				var left []time.Duration
				for _, p := range got.probes {
					left = append(left, p.Sent.Sub(f.began)/time.Second)
				}
				if !slices.Equal(left, tt.left) {
					t.Errorf("probes left at %d, want %d seconds", left, tt.left)
				}
			})
		})
	}
}

func TestStreamReadsLateAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got events
		f := newService(t, func(_ int, c *serviceConn) {
			c.Write(<-c.in)
			second := <-c.in
			time.Sleep(2500 * time.Millisecond)
			c.Write(second)
			c.echo()
		})
		f.run(t.Context(), got.every(time.Second, f.target("tcp"), 5))
		compare(t, "fates", got.lines(), []string{
			"answered 1", "lost 2: timeout", "lost 3: timeout", "late 2 in 2.5s", "late 3 in 1.5s", "answered 4 in 500ms", "answered 5",
		})
		compare(t, "connections", got.connLines(), []string{"up"})
	})
}

// TestProbesOverlapOnAStream: a service that needs longer than an interval gets each
// probe at its time, and the order of the answers shows which is which.
func TestProbesOverlapOnAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got events
		f := newService(t, func(_ int, c *serviceConn) {
			for p := range c.in {
				time.Sleep(700 * time.Millisecond)
				c.Write(p)
			}
		})
		config := got.every(500*time.Millisecond, f.target("tcp"), 3)
		config.Timeout = time.Minute
		f.run(t.Context(), config)
		compare(t, "fates", got.lines(), []string{"answered 1 in 700ms", "answered 2 in 900ms", "answered 3 in 1.1s"})
	})
}

func TestStreamThatOwesTooManyAnswersIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got events
		f := newService(t, func(n int, c *serviceConn) {
			if n > 1 {
				c.echo()
			}
			for range c.in {
				// a path that has forgotten the connection
			}
		})
		f.run(t.Context(), got.every(time.Second, f.target("tcp"), 11))
		want := []string{}
		for _, seq := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"} {
			want = append(want, "lost "+seq+": timeout")
		}
		compare(t, "fates", got.lines(), append(want, "answered 10", "answered 11"))
		compare(t, "connections", got.connLines(), []string{"up", "timeout", "up"})
	})
}

func TestBrokenStreamIsReplaced(t *testing.T) {
	tests := []struct {
		name  string
		do    func(c *serviceConn, p []byte) // with the second of three probes
		fates []string
		why   string
	}{
		{"before it answers", func(c *serviceConn, p []byte) {}, []string{"answered 1", "lost 2: premature-eof", "answered 3"}, "premature-eof"},
		{"between two probes", func(c *serviceConn, p []byte) { c.Write(p) }, []string{"answered 1", "answered 2", "answered 3"}, "premature-eof"},
		{"in the middle of an answer", func(c *serviceConn, p []byte) { c.Write(p[:50]) },
			[]string{"answered 1", "lost 2: premature-eof", "answered 3"}, "premature-eof"},
		{"for a wrong byte", func(c *serviceConn, p []byte) { p[63]++; c.Write(p); <-c.in },
			[]string{"answered 1", "lost 2: corrupt", "answered 3"}, "corrupt"},
		{"for one byte more", func(c *serviceConn, p []byte) { c.Write(p); c.Write([]byte{0}); <-c.in },
			[]string{"answered 1", "answered 2", "foreign 0: corrupt", "answered 3"}, "corrupt"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got events
				f := newService(t, func(n int, c *serviceConn) {
					if n == 1 {
						c.Write(<-c.in)
						tt.do(c, <-c.in)
						return
					}
					c.echo()
				})
				f.run(t.Context(), got.every(time.Second, f.target("tcp"), 3))
				compare(t, "fates", got.lines(), tt.fates)
				compare(t, "connections", got.connLines(), []string{"up", tt.why, "up after 1s"})
			})
		})
	}
}

func TestWrongByteIsReportedWithItsOffset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got events
		var want ping.WrongError
		f := newService(t, func(_ int, c *serviceConn) {
			p := <-c.in
			p[62] ^= 0xff
			c.Write(p)
			want = ping.WrongError{Offset: 62, Got: fmt.Sprintf("% x", p[62:]), Want: fmt.Sprintf("% x", []byte{^p[62], p[63]})}
		})
		f.run(t.Context(), got.every(time.Second, f.target("tcp"), 1))
		wrong, ok := errors.AsType[*ping.WrongError](got.probes[0].Err)
		if !ok || *wrong != want {
			t.Errorf("got %v, want %v", got.probes[0].Err, want)
		}
	})
}

func TestConnectIsRetriedAfterGrowingPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got events
		f := newService(t, func(n int, c *serviceConn) {
			if n == 8 {
				c.Write(<-c.in)
				return
			}
			c.echo()
		})
		f.refuse = func(n int) error {
			if n == 8 || n == 11 {
				return nil
			}
			return syscall.ECONNREFUSED
		}
		f.run(t.Context(), got.every(10*time.Millisecond, f.target("tcp"), 242))
		var at []time.Duration
		// An answer arrived in between, so the pauses are short again.
		for _, ms := range []int{0, 50, 150, 350, 750, 1250, 1750, 2250, 2260, 2310, 2410} {
			at = append(at, time.Duration(ms)*time.Millisecond)
		}
		if !slices.Equal(f.dials, at) {
			t.Errorf("tried at %v, want %v", f.dials, at)
		}
		compare(t, "connections", got.connLines(), []string{"refused", "up after 2.25s", "premature-eof", "up after 160ms"})
		tally := ping.NewTally()
		for _, p := range got.probes {
			tally.Probe(p)
		}
		if s := tally.Summary(); s.LostBy[dial.Refused] != 240 || s.Received != 2 {
			t.Errorf("got %d refused and %d received, want 240 and 2", s.LostBy[dial.Refused], s.Received)
		}
	})
}

// TestProbesLostForOneFailureSaySo: three are in flight when the stream ends. Each attempt to
// connect is refused, and some probes are due in the pause after it.
func TestProbesLostForOneFailureSaySo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got events
		f := newService(t, func(_ int, c *serviceConn) {
			for range 3 {
				<-c.in
			}
		})
		f.refuse = func(n int) error {
			if n == 1 {
				return nil
			}
			return syscall.ECONNREFUSED
		}
		c := got.every(20*time.Millisecond, f.target("tcp"), 9)
		c.Timeout = time.Second
		f.run(t.Context(), c)
		var lines []string
		for _, p := range got.probes {
			lines = append(lines, fmt.Sprintf("%d %s %t", p.Seq, p.Class, p.SameFailure))
		}
		compare(t, "lost probes", lines, []string{
			"1 premature-eof false", "2 premature-eof true", "3 premature-eof true",
			"4 refused false", "5 refused true", "6 refused true", "7 refused true", "8 refused true", "9 refused false",
		})
	})
}

// TestEndOfTheContextEndsEverything: between two probes, and with a probe in flight.
func TestEndOfTheContextEndsEverything(t *testing.T) {
	tests := []struct {
		name  string
		serve func(c *serviceConn)
		size  int
		want  []string
	}{
		{"between two probes", func(c *serviceConn) { c.echo() }, 64, []string{"answered 1"}},
		{"while an answer is due", func(c *serviceConn) { <-c.in; <-c.in }, 64, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got events
				f := newService(t, func(_ int, c *serviceConn) { tt.serve(c) })
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				defer cancel()
				f.run(ctx, got.every(time.Second, f.target("tcp"), 0))
				compare(t, "fates", got.lines(), tt.want)
				compare(t, "connections", got.connLines(), []string{"up"})
				if took := time.Since(f.began); took != 500*time.Millisecond {
					t.Errorf("it ended after %v, want 500ms", took)
				}
			})
		})
	}
}
