package watch

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/dial"
	"echod/internal/usage"
)

const name = "dns+tcp://echo:7"

func TestOneOfThreeAddressesDiesAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newNetwork("10.0.0.1", "10.0.0.2", "10.0.0.3")
		w := f.watch(t, f.config(t, name))
		w.until(5500 * time.Millisecond)
		w.wantLog("address added address=10.0.0.1:7 addresses=1", "address added address=10.0.0.2:7 addresses=2",
			"address added address=10.0.0.3:7 addresses=3",
			"target up address=10.0.0.1:7", "target up address=10.0.0.2:7", "target up address=10.0.0.3:7")
		w.want("10.0.0.1:7 up: 5 received, 0 lost", "10.0.0.2:7 up: 5 received, 0 lost", "10.0.0.3:7 up: 5 received, 0 lost")

		f.kill("10.0.0.2:7")
		w.until(10500 * time.Millisecond)
		w.wantLog("target down address=10.0.0.2:7 class=refused")
		w.want("10.0.0.1:7 up: 10 received, 0 lost", "10.0.0.2:7 down: 5 received, 5 lost", "10.0.0.3:7 up: 10 received, 0 lost")

		f.revive("10.0.0.2:7")
		w.until(12500 * time.Millisecond)
		w.wantLog("target up again address=10.0.0.2:7 was_down=5.001s")
		w.want("10.0.0.1:7 up: 12 received, 0 lost", "10.0.0.2:7 up: 7 received, 5 lost", "10.0.0.3:7 up: 12 received, 0 lost")
		wantWhole(t, w.Snapshot().Targets[0].Addresses[1])
	})
}

// wantWhole wants the parts of one that was down from its sixth probe to its tenth
// to be consistent.
func wantWhole(t *testing.T, a AddressSnapshot) {
	t.Helper()
	if diff := cmp.Diff(map[dial.Class]uint64{dial.Refused: 5}, a.Lost); diff != "" {
		t.Errorf("lost by class (-want +got)\n%s", diff)
	}
	if a.Class != dial.Refused || a.Err == nil || a.Failed.IsZero() || !a.Connected || a.Last != time.Millisecond {
		t.Errorf("got class %q, error %v at %v, connected %v, last %v", a.Class, a.Err, a.Failed, a.Connected, a.Last)
	}
	if n := a.Times.Counts[slices.Index(Bounds[:], time.Millisecond)]; n != 7 || a.Times.Sum != 7*time.Millisecond || len(a.Recent) != 7 {
		t.Errorf("got %d of 1ms, %v in all, %d recent; want 7, 7ms, 7", n, a.Times.Sum, len(a.Recent))
	}
	var got [][2]uint64
	for _, b := range a.History {
		got = append(got, [2]uint64{b.Sent, b.Lost})
	}
	if diff := cmp.Diff([][2]uint64{{4, 0}, {5, 4}, {3, 1}}, got); diff != "" {
		t.Errorf("sent and lost in the history (-want +got)\n%s", diff)
	}
}

func TestFewLostProbesAreNotAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newNetwork()
		w := f.watch(t, f.config(t, "tcp://a:7"))
		w.until(1500 * time.Millisecond)
		f.kill("a:7")
		w.until(3500 * time.Millisecond)
		w.want("a:7 up: 1 received, 2 lost")
		f.revive("a:7")
		w.until(6500 * time.Millisecond)
		w.want("a:7 up: 4 received, 2 lost")
		w.wantLog("target up target=tcp://a:7 address=a:7")
	})
}

func TestAddressIsNeitherUpNorDownAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newNetwork()
		f.kill("a:7")
		c := f.config(t, "tcp://a:7")
		c.DownAfter = 4
		w := f.watch(t, c)
		w.until(3500 * time.Millisecond)
		w.want("a:7 unknown: 0 received, 3 lost")
		w.wantLog()
		w.until(4500 * time.Millisecond)
		w.want("a:7 down: 0 received, 4 lost")
		w.wantLog("target down target=tcp://a:7 address=a:7 class=refused")
	})
}

func TestAddressesFollowTheResolver(t *testing.T) {
	gone := &net.DNSError{Err: "no such host", Name: "echo", IsNotFound: true}
	broken := errors.New("server misbehaving")
	tests := []struct {
		name     string
		broken   error
		found    []string
		want     []string // 40 s later
		log      []string
		failures uint64
		problem  string
	}{
		{"all the same", nil, []string{"10.0.0.2", "10.0.0.1"}, []string{"10.0.0.1:7", "10.0.0.2:7"}, nil, 0, ""},
		{"one is added", nil, []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, []string{"10.0.0.1:7", "10.0.0.2:7", "10.0.0.3:7"},
			[]string{"address added address=10.0.0.3:7 addresses=3", "target up address=10.0.0.3:7"}, 0, ""},
		{"one is removed", nil, []string{"10.0.0.2"}, []string{"10.0.0.2:7"}, []string{"address removed address=10.0.0.1:7 addresses=1"}, 0, ""},
		{"the resolver fails", broken, nil, []string{"10.0.0.1:7", "10.0.0.2:7"},
			[]string{"name not resolved, its last addresses are kept addresses=2"}, 4, "server misbehaving"},
		{"the name does not exist", gone, nil, nil, []string{"address removed address=10.0.0.1:7 addresses=1",
			"address removed address=10.0.0.2:7 addresses=0", "not all addresses are monitored why=the name has no addresses"}, 0, "the name has no addresses"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newNetwork("10.0.0.1", "10.0.0.2")
				w := f.watch(t, f.config(t, name))
				w.until(5 * time.Second)
				f.taken()
				f.resolve(tt.broken, tt.found...)
				w.until(45 * time.Second)
				w.wantLog(tt.log...)
				got, addresses := w.Snapshot().Targets[0], []string(nil)
				for _, a := range got.Addresses {
					addresses = append(addresses, a.Address)
				}
				if diff := cmp.Diff(tt.want, addresses); diff != "" {
					t.Errorf("addresses (-want +got)\n%s", diff)
				}
				if got.Failures != tt.failures || got.Problem != tt.problem {
					t.Errorf("got %d failures and %q, want %d and %q", got.Failures, got.Problem, tt.failures, tt.problem)
				}
			})
		})
	}
}

func TestRemovedAddressGetsNoMoreProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newNetwork("10.0.0.1")
		w := f.watch(t, f.config(t, name))
		w.until(5 * time.Second)
		f.resolve(nil)
		w.until(40 * time.Second)
		for _, conn := range f.conns["10.0.0.1:7"] {
			if _, err := conn.Write([]byte("x")); err == nil {
				t.Error("its connection is open")
			}
		}
		if w.Watcher.used != 0 {
			t.Errorf("%d addresses are counted, want 0", w.Watcher.used)
		}
	})
}

func TestFailureOfTheResolverIsLoggedAtItsStartAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newNetwork("10.0.0.1")
		f.broken = context.DeadlineExceeded
		w := f.watch(t, f.config(t, name))
		w.until(35 * time.Second)
		w.wantLog("name not resolved, its last addresses are kept addresses=0")
		f.resolve(nil, "10.0.0.1")
		w.until(65 * time.Second)
		w.wantLog("name resolved again failed_for=40s", "address added address=10.0.0.1:7 addresses=1", "target up address=10.0.0.1:7")
		if got := w.Snapshot().Targets[0]; got.Failures != 4 || got.Problem != "" {
			t.Errorf("got %d failures and %q, want 4 and none now", got.Failures, got.Problem)
		}
	})
}

func TestChangeOfTargetsDoesNotInterruptTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newNetwork("10.0.0.1")
		w := f.watch(t, f.config(t, "tcp://a:7", name, "tcp://a:7"))
		w.until(5500 * time.Millisecond)
		w.want("a:7 up: 5 received, 0 lost", "10.0.0.1:7 up: 5 received, 0 lost")
		f.taken()
		w.changes <- []Target{mustParse(t, "tcp://b:7"), mustParse(t, "tcp://a:7")}
		w.until(10200 * time.Millisecond)
		w.want("b:7 up: 4 received, 0 lost", "a:7 up: 10 received, 0 lost")
		w.wantLog("targets changed targets=2 added=1 removed=1", "target up target=tcp://b:7 address=b:7")
		asked := f.asked
		w.until(time.Minute)
		if f.asked != asked {
			t.Error("a name is looked up that is no longer a target")
		}
	})
}

func TestAddressesBeyondTheLimitAreAddedWhenOthersAreRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newNetwork("10.0.0.1", "10.0.0.2", "10.0.0.3")
		c := f.config(t, name)
		c.MaxAddresses = 2
		w := f.watch(t, c)
		w.until(5500 * time.Millisecond)
		w.want("10.0.0.1:7 up: 5 received, 0 lost", "10.0.0.2:7 up: 5 received, 0 lost")
		problem := "1 of 3 addresses omitted: the limit of 2 addresses is reached"
		if got := w.Snapshot().Targets[0].Problem; got != problem {
			t.Errorf("got %q, want %q", got, problem)
		}
		f.resolve(nil, "10.0.0.2", "10.0.0.3")
		w.until(45 * time.Second)
		w.wantLog("address added address=10.0.0.1:7 addresses=1", "address added address=10.0.0.2:7 addresses=2",
			"target up address=10.0.0.1:7", "target up address=10.0.0.2:7", "not all addresses are monitored why="+problem,
			"not all addresses are monitored why=1 of 2 addresses omitted: the limit of 2 addresses is reached",
			"address removed address=10.0.0.1:7 addresses=1", "address added address=10.0.0.3:7 addresses=2", "target up address=10.0.0.3:7")
		w.changes <- []Target{mustParse(t, "tcp://a:7"), mustParse(t, "tcp://b:7"), mustParse(t, "tcp://c:7")}
		w.until(46 * time.Second)
		w.wantLog("targets not changed, the old ones are kept")
	})
}

// TestProbesAreSpread: addresses that are added together get their probes at different
// times.
func TestProbesAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newNetwork("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")
		c := f.config(t, name)
		var drawn time.Duration                          // by the one goroutine of the one target
		c.Spread = func(d time.Duration) time.Duration { // a quarter of a second more each time
			drawn += 250 * time.Millisecond
			return drawn % d
		}
		w := f.watch(t, c)
		w.until(3 * time.Second)
		slices.Sort(f.dialed)
		const ms = time.Millisecond
		if diff := cmp.Diff([]time.Duration{250 * ms, 500 * ms, 750 * ms, 1000 * ms}, f.dialed); diff != "" {
			t.Errorf("connections (-want +got)\n%s", diff)
		}
	})
}

func TestResultsAreKeptAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newNetwork("10.0.0.1", "10.0.0.2")
		w := f.watch(t, f.config(t, name))
		w.until(5500 * time.Millisecond)
		w.stop() // the bubble would not end if a goroutine went on
		w.until(time.Hour)
		w.want("10.0.0.1:7 up: 5 received, 0 lost", "10.0.0.2:7 up: 5 received, 0 lost")
	})
}

func TestInvalidConfigIsRefused(t *testing.T) {
	tests := []struct {
		name string
		do   func(*Config)
		want string
	}{
		{"too often", func(c *Config) { c.Interval = time.Millisecond }, "interval 1ms: want at least 10ms"},
		{"looked up too often", func(c *Config) { c.Resolve = time.Millisecond }, "resolve interval 1ms: want at least 100ms"},
		{"too many", func(c *Config) { c.MaxAddresses = 1 }, "2 targets: at most 1 addresses can be monitored at once"},
		{"too short", func(c *Config) { c.Size = 1 }, "size 1: want 32 to 65507 bytes"},
		{"a path from an address", func(c *Config) { c.Targets[1].Dial.Source = addrs("10.0.0.1")[0] }, "a source address for a unix socket: omit it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newNetwork().config(t, name, "unix:///run/echo")
			tt.do(&c)
			_, err := New(c)
			if bad, ok := errors.AsType[*usage.Error](err); !ok || bad.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestAddressIsNotDownBecauseOfThisMachine: the port space of a source address is used up.
func TestAddressIsNotDownBecauseOfThisMachine(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EADDRINUSE, syscall.EADDRNOTAVAIL, syscall.EMFILE} {
		synctest.Test(t, func(t *testing.T) {
			f := newNetwork()
			c := f.config(t, "tcp://a:7")
			connect, full := c.Dial, new(atomic.Bool)
			c.Reconnect = true
			c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				if full.Load() {
					return nil, &net.OpError{Op: "dial", Err: errno}
				}
				return connect(ctx, network, address)
			}
			w := f.watch(t, c)
			w.until(1500 * time.Millisecond)
			full.Store(true)
			w.until(11500 * time.Millisecond)
			w.want("a:7 up: 1 received, 10 lost")
			if lost := w.Snapshot().Targets[0].Addresses[0].Lost; lost[dial.Local] != 10 {
				t.Errorf("%v: lost %v, want all as local", errno, lost)
			}
			w.wantLog("target up target=tcp://a:7 address=a:7",
				"probes cannot be sent, the state of the address is kept target=tcp://a:7 address=a:7 class=local hint=this machine lacks ports (sysctl net.ipv4.ip_local_port_range), open files or a permission")
		})
	}
}
