package watch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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
	broken := &net.DNSError{Err: "server misbehaving", Name: "echo", IsTemporary: true}
	slow := &net.DNSError{Err: "i/o timeout", Name: "echo", IsTimeout: true}
	three := []string{"10.0.0.1", "10.0.0.2", "fd00::1"}
	tests := []struct {
		name     string
		found    []string
		ip4, ip6 error
		dead     []string
		want     []string // 60 s later; * is not in the last answer
		log      []string
		failures map[Failure]uint64
		problem  string
	}{
		{name: "all the same", found: []string{"fd00::1", "10.0.0.2", "10.0.0.1"}, want: []string{"10.0.0.1:7", "10.0.0.2:7", "[fd00::1]:7"}},
		{name: "one is added", found: append(three, "10.0.0.3"), want: []string{"10.0.0.1:7", "10.0.0.2:7", "[fd00::1]:7", "10.0.0.3:7"},
			log: []string{"address added address=10.0.0.3:7 addresses=4", "target up address=10.0.0.3:7"}},
		{name: "one leaves and answers", found: three[1:], want: []string{"10.0.0.1:7*", "10.0.0.2:7", "[fd00::1]:7"}},
		{name: "one leaves and dies", found: three[1:], dead: []string{"10.0.0.1:7"}, want: []string{"10.0.0.2:7", "[fd00::1]:7"},
			log: []string{"target down address=10.0.0.1:7 class=refused", "address removed address=10.0.0.1:7 addresses=2"}},
		{name: "all leave and one dies", dead: []string{"10.0.0.1:7"}, want: []string{"10.0.0.2:7*", "[fd00::1]:7*"}, problem: "the name has no addresses",
			log: []string{"target down address=10.0.0.1:7 class=refused", "address removed address=10.0.0.1:7 addresses=2",
				"not all addresses are monitored why=the name has no addresses"}},
		{name: "the resolver fails", ip4: broken, ip6: slow, want: []string{"10.0.0.1:7", "10.0.0.2:7", "[fd00::1]:7"},
			log:      []string{"name not resolved, its last addresses are kept network=ip4 addresses=2", "name not resolved, its last addresses are kept network=ip6 addresses=1"},
			failures: map[Failure]uint64{{"ip4", "server"}: 6, {"ip6", "timeout"}: 6},
			problem:  "IPv4 addresses not known: lookup echo: server misbehaving; IPv6 addresses not known: lookup echo: i/o timeout"},
		{name: "the resolver fails for IPv6", found: append(three[:2:2], "10.0.0.3"), ip6: broken, dead: []string{"[fd00::1]:7"},
			want: []string{"10.0.0.1:7", "10.0.0.2:7", "[fd00::1]:7", "10.0.0.3:7"}, problem: "IPv6 addresses not known: lookup echo: server misbehaving",
			log: []string{"name not resolved, its last addresses are kept network=ip6 addresses=1", "target down address=[fd00::1]:7 class=refused",
				"address added address=10.0.0.3:7 addresses=4", "target up address=10.0.0.3:7"},
			failures: map[Failure]uint64{{"ip6", "server"}: 6}},
		{name: "the resolver fails for IPv4", ip4: errors.New("no server"), want: []string{"10.0.0.1:7", "10.0.0.2:7", "[fd00::1]:7*"},
			problem:  "IPv4 addresses not known: no server",
			log:      []string{"name not resolved, its last addresses are kept network=ip4 addresses=2"},
			failures: map[Failure]uint64{{"ip4", "other"}: 6}},
		{name: "the name does not exist", ip4: gone, ip6: gone, dead: []string{"10.0.0.1:7", "10.0.0.2:7", "[fd00::1]:7"}, problem: "the name has no addresses",
			log: []string{"target down address=10.0.0.1:7 class=refused", "target down address=10.0.0.2:7 class=refused", "target down address=[fd00::1]:7 class=refused",
				"address removed address=10.0.0.1:7 addresses=2", "address removed address=10.0.0.2:7 addresses=1", "address removed address=[fd00::1]:7 addresses=0",
				"not all addresses are monitored why=the name has no addresses"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newNetwork(three...)
				w := f.watch(t, f.config(t, name))
				w.until(5 * time.Second)
				f.taken()
				f.resolve(tt.found...)
				f.breakResolver("ip4", tt.ip4)
				f.breakResolver("ip6", tt.ip6)
				for _, address := range tt.dead {
					f.kill(address)
				}
				w.until(65 * time.Second)
				w.wantLog(tt.log...)
				got, addresses := w.Snapshot().Targets[0], []string(nil)
				for _, a := range got.Addresses {
					addresses = append(addresses, a.Address+map[bool]string{false: "*"}[a.Resolved])
				}
				if diff := cmp.Diff(tt.want, addresses); diff != "" {
					t.Errorf("addresses (-want +got)\n%s", diff)
				}
				if diff := cmp.Diff(tt.failures, got.Failures, cmpopts.EquateEmpty()); diff != "" || got.Problem != tt.problem {
					t.Errorf("got the problem %q, want %q; failed look-ups (-want +got)\n%s", got.Problem, tt.problem, diff)
				}
			})
		})
	}
}

// TestSilentResolverForIPv6DoesNotDelayIPv4Addresses: e.g. a firewall drops the queries.
func TestSilentResolverForIPv6DoesNotDelayIPv4Addresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newNetwork("10.0.0.1")
		f.silent = "ip6"
		w := f.watch(t, f.config(t, name))
		w.until(5500 * time.Millisecond)
		w.want("10.0.0.1:7 up: 5 received, 0 lost")
		w.until(11 * time.Second)
		if got := w.Snapshot().Targets[0]; got.Failures[Failure{"ip6", "timeout"}] != 1 || got.FailedLookups() != 1 {
			t.Errorf("got the failed look-ups %v, want a timeout of ip6", got.Failures)
		}
	})
}

// TestAddressesThatRotateAreNotRemoved: an answer has 3 of 10 addresses. One of them dies
// and comes back. Each has one history, and all its counts.
func TestAddressesThatRotateAreNotRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []string
		for i := range 10 {
			all = append(all, fmt.Sprintf("10.0.0.%d", i))
		}
		f := newNetwork(all...)
		f.rotate = 3
		c := f.config(t, name)
		c.Keep = DefaultKeep
		w := f.watch(t, c)
		w.until(time.Minute)
		if n := len(f.taken()); n != 20 {
			t.Errorf("got %d lines of the log, want that each of 10 is added and up", n)
		}
		sent := w.Snapshot().Targets[0].Addresses
		f.kill("10.0.0.4:7")
		w.until(10 * time.Minute)
		f.revive("10.0.0.4:7")
		w.until(11 * time.Minute)
		w.wantLog("target down address=10.0.0.4:7 class=refused", "target up again address=10.0.0.4:7 was_down=9m1.001s")
		for i, a := range w.Snapshot().Targets[0].Addresses {
			if a.Sent != sent[i].Sent+600 || a.Address != sent[i].Address {
				t.Errorf("got %d probes of %s, want 600 more than %d of %s", a.Sent, a.Address, sent[i].Sent, sent[i].Address)
			}
		}
	})
}

func TestRemovedAddressGetsNoMoreProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newNetwork("10.0.0.1")
		c := f.config(t, name)
		c.Reconnect = true
		w := f.watch(t, c)
		w.until(5 * time.Second)
		f.resolve()
		f.kill("10.0.0.1:7")
		w.until(time.Minute)
		dialed := len(f.dialed)
		w.until(time.Hour)
		if n := len(f.dialed) - dialed; n != 0 || w.Watcher.used != 0 {
			t.Errorf("%d connections are made, and %d addresses are counted, want 0 of both", n, w.Watcher.used)
		}
	})
}

func TestFailureOfTheResolverIsLoggedAtItsStartAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newNetwork("10.0.0.1")
		f.breakResolver("ip4", context.DeadlineExceeded)
		w := f.watch(t, f.config(t, name))
		w.until(35 * time.Second)
		w.wantLog("name not resolved, its last addresses are kept network=ip4 addresses=0")
		f.resolve("10.0.0.1")
		w.until(65 * time.Second)
		w.wantLog("name resolved again network=ip4 failed_for=40.004s", "address added address=10.0.0.1:7 addresses=1", "target up address=10.0.0.1:7")
		if got := w.Snapshot().Targets[0]; got.Failures[Failure{"ip4", "timeout"}] != 4 || got.Problem != "" {
			t.Errorf("got the failed look-ups %v and %q, want 4 timeouts and none now", got.Failures, got.Problem)
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
		w.changes <- List{Targets: []Target{mustParse(t, "tcp://b:7"), mustParse(t, "tcp://a:7")}}
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

func TestAddressesBeyondTheLimitAreAddedWhenOthersLeave(t *testing.T) {
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
		f.resolve("10.0.0.2", "10.0.0.3") // the first one answers, but those in the answer have priority
		w.until(45 * time.Second)
		w.wantLog("address added address=10.0.0.1:7 addresses=1", "address added address=10.0.0.2:7 addresses=2",
			"target up address=10.0.0.1:7", "target up address=10.0.0.2:7", "not all addresses are monitored why="+problem,
			"address removed address=10.0.0.1:7 addresses=1", "address added address=10.0.0.3:7 addresses=2", "target up address=10.0.0.3:7")
		w.changes <- List{Targets: []Target{mustParse(t, "tcp://a:7"), mustParse(t, "tcp://b:7"), mustParse(t, "tcp://c:7")}}
		w.until(46 * time.Second)
		w.wantLog("targets not reloaded, the old ones are kept")
	})
}

// TestAddressThatLeftMakesRoomForAnotherTarget: it would be kept, because it answers.
func TestAddressThatLeftMakesRoomForAnotherTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newNetwork("10.0.0.1", "10.0.0.2")
		c := f.config(t, name)
		c.MaxAddresses = 2
		w := f.watch(t, c)
		w.until(5 * time.Second)
		f.resolve("10.0.0.1")
		w.until(15 * time.Second)
		f.taken()
		w.changes <- List{Targets: []Target{mustParse(t, name), mustParse(t, "tcp://a:7")}}
		w.until(30 * time.Second)
		w.want("10.0.0.1:7 up: 29 received, 0 lost", "a:7 up: 4 received, 0 lost")
		w.wantLog("targets changed targets=2 added=1 removed=0", "address removed address=10.0.0.2:7 addresses=1", "target up target=tcp://a:7 address=a:7",
			"not all addresses are monitored target=tcp://a:7 why=1 of 1 addresses omitted: the limit of 2 addresses is reached")
	})
}

// TestOneAddressIsRemovedForAnother: two targets have one that has left its name.
func TestOneAddressIsRemovedForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newNetwork("10.0.0.1", "10.0.0.2")
		c := f.config(t, name, "dns+tcp://echo:8")
		c.MaxAddresses = 4
		w := f.watch(t, c)
		w.until(5 * time.Second)
		f.resolve("10.0.0.1")
		w.until(15 * time.Second)
		w.changes <- List{Targets: append(slices.Clone(c.Targets), mustParse(t, "tcp://a:7"))}
		w.until(60 * time.Second)
		resolved := 0
		for _, target := range w.Snapshot().Targets {
			for _, a := range target.Addresses {
				if a.Resolved {
					resolved++
				}
			}
		}
		if w.used != 4 || resolved != 3 {
			t.Errorf("%d addresses are monitored, of which %d are in their names, want 4 and 3", w.used, resolved)
		}
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
