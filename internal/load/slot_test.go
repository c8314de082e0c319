package load

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"echod/internal/dial"
	"github.com/google/go-cmp/cmp"
)

// slotRig is a slot, a clock, and a driver that only writes down what it is asked for.
type slotRig struct {
	slot
	time int64
	log  []string
	sent [][]byte // datagrams

	fails int  // how many of the next datagrams cannot be sent
	full  bool // the socket has no space
}

const ms = int64(time.Millisecond)

// newSlotRig returns a rig whose measurement does not end.
func newSlotRig(t testing.TB, plan func(p *Plan)) *slotRig {
	p := Plan{Target: dial.Target{Network: "tcp"}, Conns: 1, Depth: 1, Duration: time.Hour, Timeout: time.Second, Verify: true}
	p.Sizes, _ = ParseSizes("64")
	plan(&p)
	c := &run{Plan: p, tally: account{newTally(p, newTotals()), nil}, content: someContent, tag: 77}
	c.schedule.start(0, Rate{})
	c.tally.begin(0, &c.schedule)
	return &slotRig{slot: newSlot(c, 3)}
}

// act does what the slot asks for until it waits. A connect stays in progress.
func (r *slotRig) act() {
	for range 1000 {
		switch r.next(r.time) {
		case connect:
			r.log = append(r.log, "connect")
			r.connecting(r.time)
		case send:
			n := len(r.stream.next())
			r.log = append(r.log, fmt.Sprint("send ", n))
			r.stream.wrote(n)
		case halfClose:
			r.log = append(r.log, "half-close")
			r.halfClosed = true
		case sendDatagram:
			r.log = append(r.log, "datagram")
			r.sent = append(r.sent, slices.Clone(r.nextDatagram(r.time, make([]byte, 100))))
			switch {
			case r.fails > 0:
				r.fails--
				r.sendFailed(r.time, dial.Local)
			case r.full:
				r.sendAgain()
				return
			default:
				r.sentDatagrams(1)
			}
		case disconnect:
			r.log = append(r.log, "disconnect")
			r.disconnected()
		case wait:
			return
		}
	}
	panic("the slot never waits")
}

// connect makes the connection that is in progress.
func (r *slotRig) connect() { r.connected(r.time); r.act() }

// up starts the load and makes the connection.
func (r *slotRig) up() { r.start(r.time); r.act(); r.connect() }

// echo returns n bytes of what was sent.
func (r *slotRig) echo(n int) {
	r.received(r.time, r.content.at(r.stream.start+uint64(r.stream.echoed), int64(n)))
	r.act()
}

func (r *slotRig) pass(d int64) { r.time += d; r.expire(r.time); r.act() }

func (r *slotRig) due() { r.tally.scheduled(r.time, r.time); r.scheduled(r.time, r.time); r.act() }

func openLoop(p *Plan)      { p.Rate = PerSecond(1) }
func churn(p *Plan)         { p.Churn = true }
func churnOpenLoop(p *Plan) { p.Churn, p.Rate = true, PerSecond(1) }
func udp(p *Plan)           { p.Target.Network = "udp" }
func depth(n int) func(*Plan) {
	return func(p *Plan) { p.Depth = n }
}

// slotCase is what a slot asks for, and what is counted, if a driver does something.
type slotCase struct {
	name   string
	plan   func(p *Plan)
	do     func(r *slotRig)
	want   string
	counts outcomes
	failed Classes
}

func TestSlotDecidesWhatToDo(t *testing.T) {
	runSlotCases(t, []slotCase{
		{"closed loop: the next message is sent after an answer", depth(1), func(r *slotRig) { r.up(); r.echo(40); r.echo(24) },
			"connect, send 64, send 64", outcomes{due: 2, sent: 2, answered: 1}, nil},
		{"closed loop: as many in flight as the depth", depth(3), func(r *slotRig) { r.up(); r.echo(128) },
			"connect, send 192, send 128", outcomes{due: 5, sent: 5, answered: 2}, nil},
		{"a connection that is opened before the start is idle", depth(1), func(r *slotRig) { r.act(); r.connect() },
			"connect", outcomes{}, nil},
		{"before the start a connect is tried once", depth(1), func(r *slotRig) {
			r.act()
			r.connectFailed(r.time, dial.Refused)
			r.act()
			r.pass(time.Hour.Nanoseconds())
		}, "connect, disconnect", outcomes{}, nil},
		{"after the start it is tried again", depth(1), func(r *slotRig) {
			r.act()
			r.connectFailed(r.time, dial.Refused)
			r.pass(10 * ms)
			r.up()
		}, "connect, disconnect, connect, send 64", outcomes{due: 1, sent: 1}, nil},
		{"closed loop: a message fails if it has no connection", depth(1), func(r *slotRig) {
			r.start(0)
			r.act()
			r.connectFailed(r.time, dial.Refused)
			r.act()
		}, "connect, disconnect", outcomes{due: 1, failed: 1}, Classes{dial.Refused: 1}},

		{"open loop: a message is sent when it is due", openLoop, func(r *slotRig) { r.up(); r.due(); r.due(); r.echo(64) },
			"connect, send 64, send 64", outcomes{due: 2, inTime: 2, sent: 2, answered: 1}, nil},
		{"open loop: a message that is sent late has its whole timeout", openLoop, func(r *slotRig) {
			r.up()
			r.time = 900 * ms
			r.scheduled(0, r.time)
			r.act()
			r.pass(1000 * ms)
			r.echo(64)
		}, "connect, send 64", outcomes{sent: 1, answered: 1}, nil},
		{"churn on a schedule: a message that is sent late has its whole timeout", churnOpenLoop, func(r *slotRig) {
			r.start(0)
			r.time = 900 * ms
			r.scheduled(0, r.time)
			r.scheduled(0, r.time)
			r.act()
			r.pass(500 * ms)
			r.connect()
			r.pass(500 * ms)
			r.echo(64)
			r.ended(r.time)
		}, "connect, send 64, half-close", outcomes{sent: 1, answered: 1}, nil},
		{"open loop: a message fails while there is no connection", openLoop, func(r *slotRig) { r.start(0); r.due() },
			"connect", outcomes{due: 1, inTime: 1, failed: 1}, Classes{dial.Unreachable: 1}},
		{"open loop: the class is why the last connection failed", openLoop, func(r *slotRig) { r.up(); r.lost(0, dial.Reset); r.due() },
			"connect, disconnect", outcomes{due: 1, inTime: 1, failed: 1}, Classes{dial.Reset: 1}},

		{"churn: a connection for each message", churn, func(r *slotRig) {
			r.up()
			r.echo(64)
			r.ended(r.time)
			r.act()
		}, "connect, send 64, half-close, disconnect, connect", outcomes{due: 2, sent: 1, answered: 1}, nil},
		{"churn: an answer that is cut off fails", churn, func(r *slotRig) { r.up(); r.echo(63); r.ended(r.time); r.act() },
			"connect, send 64, half-close, disconnect", outcomes{due: 1, sent: 1, failed: 1}, Classes{dial.PrematureEOF: 1}},
		{"churn on a schedule: no connection for nothing", churnOpenLoop, func(r *slotRig) { r.start(0); r.act() }, "", outcomes{}, nil},
		{"churn on a schedule: messages wait for their connections", churnOpenLoop, func(r *slotRig) {
			r.start(0)
			r.due()
			r.due()
			r.connect()
			r.echo(64)
			r.ended(r.time)
			r.act()
		}, "connect, send 64, half-close, disconnect, connect", outcomes{due: 2, inTime: 2, sent: 1, answered: 1}, nil},
		{"churn on a schedule: a message waits for its connection until the timeout", churnOpenLoop, func(r *slotRig) {
			r.start(0)
			r.due()
			r.due()
			r.pass(1000*ms + 1)
		}, "connect", outcomes{due: 2, inTime: 2, failed: 2}, Classes{dial.Timeout: 2}},
		{"at the end what waits for a connection or an answer fails", churnOpenLoop, func(r *slotRig) {
			r.start(0)
			r.due()
			r.due()
			r.connect()
			r.stop(r.time, dial.Timeout)
		}, "connect, send 64, half-close", outcomes{due: 2, inTime: 2, sent: 1, failed: 2}, Classes{dial.Timeout: 2}},
		{"churn on a schedule: a message fails with its connect", churnOpenLoop, func(r *slotRig) {
			r.start(0)
			r.due()
			r.connectFailed(r.time, dial.Refused)
			r.act()
			r.pass(10 * ms)
		}, "connect, disconnect", outcomes{due: 1, inTime: 1, failed: 1}, Classes{dial.Refused: 1}},

		{"a stream that ends fails with its messages", depth(2), func(r *slotRig) { r.up(); r.ended(r.time); r.act() },
			"connect, send 128, disconnect", outcomes{due: 2, sent: 2, failed: 2}, Classes{dial.PrematureEOF: 2}},
		{"it is replaced after a pause", depth(1), func(r *slotRig) {
			r.up()
			r.lost(r.time, dial.Reset)
			r.pass(9 * ms)
			r.pass(1 * ms)
		}, "connect, send 64, disconnect, connect", outcomes{due: 1, sent: 1, failed: 1}, Classes{dial.Reset: 1}},
		{"the pause doubles", depth(1), func(r *slotRig) {
			r.start(0)
			r.act()
			r.connectFailed(r.time, dial.Refused)
			r.act()
			r.pass(10 * ms)
			r.connectFailed(r.time, dial.Refused)
			r.act()
			r.pass(19 * ms)
			r.pass(1 * ms)
		}, "connect, disconnect, connect, disconnect, connect", outcomes{due: 2, failed: 2}, Classes{dial.Refused: 2}},
		{"and is short again after a success", depth(1), func(r *slotRig) {
			r.start(0)
			r.act()
			r.connectFailed(r.time, dial.Refused)
			r.act()
			r.pass(10 * ms)
			r.connect()
			r.lost(r.time, dial.Reset)
			r.act()
			r.pass(10 * ms)
		}, "connect, disconnect, connect, send 64, disconnect, connect", outcomes{due: 2, sent: 1, failed: 2}, Classes{dial.Refused: 1, dial.Reset: 1}},

		{"an answer has until the timeout", depth(2), func(r *slotRig) { r.up(); r.pass(1000 * ms) },
			"connect, send 128", outcomes{due: 2, sent: 2}, nil},
		{"then the connection fails", depth(2), func(r *slotRig) { r.up(); r.pass(1000*ms + 1) },
			"connect, send 128, disconnect", outcomes{due: 2, sent: 2, failed: 2}, Classes{dial.Timeout: 2}},
		{"what is late changes nothing", depth(1), func(r *slotRig) {
			r.up()
			r.lost(r.time, dial.Reset)
			r.received(r.time, []byte("late"))
			r.ended(r.time)
			r.lost(r.time, dial.PrematureEOF)
			r.receiveFailed(r.time, dial.PrematureEOF)
		}, "connect, send 64", outcomes{due: 1, sent: 1, failed: 1}, Classes{dial.Reset: 1}},
		{"a wrong byte ends the slot", depth(1), func(r *slotRig) {
			r.up()
			r.received(r.time, []byte("wrong"))
			r.act()
			r.pass(time.Hour.Nanoseconds())
		}, "connect, send 64, disconnect", outcomes{due: 1, sent: 1, failed: 1}, Classes{dial.Corrupt: 1}},

		{"after the end no connection is made", openLoop, func(r *slotRig) {
			r.up()
			r.due()
			stopTally(r.tally, r.time+1, &r.schedule)
			r.lost(r.time, dial.Reset)
			r.act()
			r.pass(time.Hour.Nanoseconds())
		}, "connect, send 64, disconnect", outcomes{due: 1, inTime: 1, sent: 1, failed: 1}, Classes{dial.Reset: 1}},
		{"after the end no connect is tried again", depth(1), func(r *slotRig) {
			r.start(0)
			r.act()
			stopTally(r.tally, r.time+1, &r.schedule)
			r.connectFailed(r.time, dial.Refused)
			r.act()
			r.pass(time.Hour.Nanoseconds())
		}, "connect, disconnect", outcomes{}, nil},
		{"after the end a message that was due still has its connection", churnOpenLoop, func(r *slotRig) {
			r.start(0)
			r.due()
			r.due()
			r.connect()
			stopTally(r.tally, r.time+1, &r.schedule)
			for range 2 {
				r.echo(64)
				r.ended(r.time)
				r.act()
				if r.state == connecting {
					r.connect()
				}
			}
			r.pass(time.Hour.Nanoseconds())
		}, "connect, send 64, half-close, disconnect, connect, send 64, half-close, disconnect", outcomes{due: 2, inTime: 2, sent: 2, answered: 2}, nil},
	})
}

func runSlotCases(t *testing.T, tests []slotCase) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newSlotRig(t, tt.plan)
			tt.do(r)
			if got := strings.Join(r.log, ", "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if diff := cmp.Diff(tt.counts, r.tally.outcomes, cmp.AllowUnexported(outcomes{})); diff != "" {
				t.Errorf("outcomes (-want +got):\n%s", diff)
			}
			if tt.failed == nil {
				tt.failed = Classes{}
			}
			if diff := cmp.Diff(tt.failed, r.tally.result.Failed); diff != "" {
				t.Errorf("failed (-want +got):\n%s", diff)
			}
			if conns := map[bool]int{true: 1}[r.state == open]; r.tally.conns != conns {
				t.Errorf("got %d open connections, want %d", r.tally.conns, conns)
			}
		})
	}
}

func both(a, b func(*Plan)) func(*Plan) {
	return func(p *Plan) { a(p); b(p) }
}

func TestMessageThatIsDueAfterTheSlotStoppedHasFailed(t *testing.T) {
	for name, plan := range map[string]func(*Plan){"tcp": openLoop, "churn": churnOpenLoop, "udp": both(udp, openLoop)} {
		r := newSlotRig(t, plan)
		r.up()
		r.stop(r.time, dial.Corrupt)
		r.due()
		if got := r.tally.result.Failed; got[dial.Corrupt] != 1 {
			t.Errorf("%s: got %v, want one failed: corrupt", name, got)
		}
	}
}

func TestConnectThatTimesOutCountsWithItsTime(t *testing.T) {
	r := newSlotRig(t, depth(1))
	r.start(0)
	r.act()
	r.time += 1000 * ms
	r.connectFailed(r.time, dial.Timeout)
	if got := r.tally.second.Latency; got.Count() != 1 || got.Max() < time.Second {
		t.Errorf("got %d latencies up to %v, want one of at least 1s", got.Count(), got.Max())
	}
}

func TestChurnCountsLatencyFromItsConnect(t *testing.T) {
	r := newSlotRig(t, churn)
	r.start(0)
	r.act()
	r.time = 30 * ms
	r.connect()
	r.time = 70 * ms
	r.echo(64)
	r.ended(r.time)
	if got := r.tally.second.Latency.Max(); got < 69*time.Millisecond || got > 71*time.Millisecond {
		t.Errorf("got %v, want 70ms: 30 for the connection, 40 for the answer", got)
	}
}

func TestEachConnectionOfASlotHasItsOwnBytes(t *testing.T) {
	r := newSlotRig(t, depth(1))
	r.up()
	first := r.stream.start
	r.lost(r.time, dial.Reset)
	r.act()
	r.pass(10 * ms)
	r.connect()
	if r.stream.start == first {
		t.Errorf("both streams start at %d", first)
	}
}
