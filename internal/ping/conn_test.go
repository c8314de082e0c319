package ping

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/dial"
	"echod/internal/dial/dialtest"
)

func TestStopwatchSeparatesPhases(t *testing.T) {
	tests := []struct {
		name, network string
		do            func(*stopwatch)
		want          Phases
	}{
		{"all", "tls", func(w *stopwatch) {
			time.Sleep(time.Second)
			w.mark(&w.dnsStart)
			time.Sleep(2 * time.Second)
			w.mark(&w.dnsDone)
			time.Sleep(4 * time.Second)
			w.mark(&w.connected)
			time.Sleep(8 * time.Second)
		}, Phases{DNS: 2 * time.Second, Connect: 5 * time.Second, TLS: 8 * time.Second}},
		{"no name, no handshake", "tcp", func(w *stopwatch) {
			time.Sleep(time.Second)
			w.mark(&w.connected)
			time.Sleep(time.Second)
		}, Phases{Connect: time.Second}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := stopwatch{start: time.Now()}
				tt.do(&w)
				if diff := cmp.Diff(tt.want, w.phases(tt.network)); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
			})
		})
	}
}

func TestErrorsAreClassified(t *testing.T) {
	refused := os.NewSyscallError("read", syscall.ECONNREFUSED)
	tests := []struct {
		name      string
		err       error
		want      dial.Class
		transient bool // a socket for datagrams remains usable
	}{
		{"none", nil, "", false},
		{"unknown", errors.New("no luck"), "", false},
		{"unknown, of package net", &net.OpError{Op: "read", Err: errors.New("no luck")}, "", false},
		{"a wrong byte", fmt.Errorf("probe 7: %w", &WrongError{}), dial.Corrupt, false},
		{"refused", &net.OpError{Op: "read", Err: refused}, dial.Refused, true},
		{"unreachable", syscall.EHOSTUNREACH, dial.Unreachable, true},
		{"reset", syscall.ECONNRESET, dial.Reset, false},
		{"no answer", &noAnswerError{time.Second}, dial.Timeout, false},
		{"a datagram that is too long", os.NewSyscallError("write", syscall.EMSGSIZE), dial.TooLong, true},
		{"a TLS alert", &net.OpError{Op: "remote error", Err: errors.New("tls: bad certificate")}, dial.TLS, false},
		{"refused, in an alert's place", &net.OpError{Op: "remote error", Err: refused}, dial.Refused, true},
	}
	for _, tt := range tests {
		if got := classify(tt.err); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		if got := transient(tt.err); got != tt.transient {
			t.Errorf("%s: transient: got %t, want %t", tt.name, got, tt.transient)
		}
	}
}

// TestRefusedSocketIsReplacedWhileProbesAreInFlight: several probes are in flight when an
// error arrives, so none of them is known to be lost before it expires. By then there
// are others. A socket that is refused for all of them is replaced nevertheless.
func TestRefusedSocketIsReplacedWhileProbesAreInFlight(t *testing.T) {
	tests := []struct {
		name    string
		refused time.Duration // when the last error arrived; the probes were sent at 0s, 1s and 2s
		want    bool          // the socket is replaced when the first is lost, after 2s
	}{
		{"the last was refused", 2500 * time.Millisecond, true},
		{"the last may yet be answered", 1500 * time.Millisecond, false},
	}
	for _, tt := range tests {
		began := time.Unix(1000, 0)
		here, there := net.Pipe()
		defer there.Close()
		r := newRun(Config{Target: Target{Network: "udp", Address: "192.0.2.1:7"}, Timeout: 2 * time.Second, Size: 64})
		r.conn = &connection{Conn: here, done: make(chan struct{})}
		for i := range 3 {
			r.flights.add(&flight{conn: r.conn, sent: began.Add(time.Duration(i) * time.Second)})
		}
		r.receiveError(arrival{conn: r.conn, at: began.Add(tt.refused), err: syscall.ECONNREFUSED})
		if r.flights.inFlight != 3 {
			t.Errorf("%s: an error that may be about any of three: %d in flight, want 3", tt.name, r.flights.inFlight)
		}
		r.expire(began.Add(2500 * time.Millisecond))
		if got := r.renewal.due(DefaultRenewAfter, false, began.Add(2500*time.Millisecond)); got != tt.want {
			t.Errorf("%s: replaced: got %t, want %t", tt.name, got, tt.want)
		}
		if r.flights.inFlight != 2 {
			t.Errorf("%s: %d in flight, want 2", tt.name, r.flights.inFlight)
		}
	}
}

func TestErrorIsAboutTheOnlyProbeInFlight(t *testing.T) {
	for inFlight, want := range []int{0, 0, 2, 3} { // how many are in flight afterwards
		r := newRun(Config{Target: Target{Network: "udp", Address: "192.0.2.1:7"}, Timeout: time.Second, Size: 64})
		for range inFlight {
			r.flights.add(&flight{sent: time.Unix(1000, 0)})
		}
		r.receiveError(arrival{at: time.Unix(1001, 0), err: syscall.ECONNREFUSED})
		if got := r.flights.inFlight; got != want {
			t.Errorf("of %d in flight: got %d after an error, want %d", inFlight, got, want)
		}
	}
}

// The time of sending is remembered with a probe. If the probe is forgotten, its bytes
// have the time.
func TestRTTStartsWhenTheProbeIsSent(t *testing.T) {
	sent, stamp := time.Unix(1000, 500), time.Unix(1000, 0)
	for others, want := range map[int]time.Duration{0: time.Second - 500, 2 * maxRemembered: time.Second} {
		var got Probe
		r := newRun(Config{Target: Target{Network: "udp"}, Timeout: time.Minute, Size: 64, OnProbe: func(p Probe) { got = p }})
		f := &flight{sent: sent, stamp: stamp.UnixNano()}
		r.flights.add(f)
		r.flights.finish(f, Lost)
		for range others {
			r.flights.add(&flight{fate: Lost})
		}
		data := slices.Clone(r.payloads.probe(1, f.stamp))
		r.receive(arrival{conn: r.conn, data: data, at: time.Unix(1001, 0)})
		if got.Fate != Late || got.Seq != 1 || got.RTT != want {
			t.Errorf("before %d others: got %s %d after %v, want it late after %v", others, got.Fate, got.Seq, got.RTT, want)
		}
	}
}

// writeConn returns errors from its first writes, in order. Later writes succeed.
type writeConn struct {
	net.Conn
	errors []error
	writes int
}

func (c *writeConn) SetWriteDeadline(time.Time) error { return nil }

func (c *writeConn) Write(p []byte) (int, error) {
	if c.writes++; c.writes <= len(c.errors) {
		return 0, c.errors[c.writes-1]
	}
	return len(p), nil
}

// TestProbeIsWrittenAgainAfterTheErrorOfAnother: the error of a write to a socket for
// datagrams may be about an earlier datagram. This one was not sent then.
func TestProbeIsWrittenAgainAfterTheErrorOfAnother(t *testing.T) {
	refused, full := error(syscall.ECONNREFUSED), error(syscall.ENOBUFS)
	tests := []struct {
		name   string
		errors []error
		writes int
		want   error
	}{
		{"no error", nil, 1, nil},
		{"refused", []error{refused}, 2, nil},
		{"refused twice", []error{refused, refused}, 2, refused},
		{"an error of its own", []error{full}, 1, full},
	}
	for _, tt := range tests {
		r := newRun(Config{Target: Target{Network: "udp"}, Timeout: time.Second, Size: 64})
		conn := &writeConn{errors: tt.errors}
		c := &connection{Conn: conn}
		if err := r.writeDatagram(c, &flight{seq: 1}); err != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
		if conn.writes != tt.writes || c.writes.Load() != int64(tt.writes) {
			t.Errorf("%s: got %d writes, %d of them counted; want %d", tt.name, conn.writes, c.writes.Load(), tt.writes)
		}
	}
}

// brokenConn fails every read at once, like a socket that returns the same error again
// and again. The count is -1, like that of the system call.
type brokenConn struct {
	net.Conn
	began time.Time
	reads []time.Duration
}

func (c *brokenConn) Read([]byte) (int, error) {
	c.reads = append(c.reads, time.Since(c.began))
	return -1, syscall.ECONNREFUSED
}

// TestErrorsThatNoProbeCausedDoNotSpin: each probe may cause one error without a pause,
// which could delay an answer.
func TestErrorsThatNoProbeCausedDoNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := &brokenConn{began: time.Now()}
		c := &connection{Conn: conn, done: make(chan struct{})}
		c.writes.Store(2)
		arrivals, read := make(chan arrival), make(chan struct{})
		go func() {
			defer close(read)
			c.readLoop(100, true, arrivals)
		}()
		var want []time.Duration
		for _, ms := range []time.Duration{0, 0, 0, 10, 30, 70, 150, 310, 630, 1270, 2270, 3270} {
			want = append(want, ms*time.Millisecond)
			if a := <-arrivals; len(a.data) != 0 || a.err != syscall.ECONNREFUSED {
				t.Fatalf("got %d bytes and %v", len(a.data), a.err)
			}
		}
		close(c.done)
		<-read
		if !slices.Equal(conn.reads, want) {
			t.Errorf("read at %v, want %v", conn.reads, want)
		}
	})
}

// TestStreamHasALimit: a probe that is due while a stream owes too many answers is lost,
// with its reason.
func TestStreamHasALimit(t *testing.T) {
	var got []Probe
	r := newRun(Config{Target: Target{Network: "tcp"}, Interval: time.Second, Timeout: time.Second, Size: 64, OnProbe: func(p Probe) { got = append(got, p) }})
	r.conn = &connection{stream: stream{owed: make([]*flight, maxOwed)}}
	r.send(t.Context(), r.due)
	if len(got) != 1 || got[0].Fate != Lost || got[0].Class != NotSent || got[0].Err.Error() != "not sent: 65536 are in flight" || r.conn.inFlight != 0 {
		t.Errorf("got %+v, want one probe that was not sent", got)
	}
}

// TestTimeInTheOutboxIsPartOfTheRoundTrip: a stream takes no bytes for a while. The round
// trip of the probes that wait behind the first one begins when they are due.
func TestTimeInTheOutboxIsPartOfTheRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		go func() {
			time.Sleep(3500 * time.Millisecond)
			for p := make([]byte, 64); ; there.Write(p) {
				if _, err := there.Read(p); err != nil {
					return
				}
			}
		}()
		var got []time.Duration
		p, err := New(Config{
			Target: Target{Network: "tcp", Via: func(context.Context) (net.Conn, error) { return here, nil }},
			Count:  4, Interval: time.Second, Timeout: time.Minute, Size: 64, OnProbe: func(p Probe) { got = append(got, p.RTT) },
		})
		if err != nil {
			t.Fatal(err)
		}
		p.Run(t.Context())
		const ms = time.Millisecond
		if want := []time.Duration{3500 * ms, 2500 * ms, 1500 * ms, 500 * ms}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestAResetThatTheWriteGotIsTheErrorOfTheStream(t *testing.T) {
	c := &connection{Conn: dialtest.NewResetConn(), done: make(chan struct{})}
	c.outbox.added = make(chan struct{}, 1)
	c.outbox.add(&flight{seq: 1})
	arrivals := make(chan arrival)
	go c.writeLoop(newPayloads(64), arrivals)
	go c.readLoop(64, false, arrivals)
	for range 2 {
		if a := <-arrivals; a.err != syscall.ECONNRESET {
			t.Errorf("got %v, want ECONNRESET", a.err)
		}
	}
}
