package watch

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestEachAddressIsProbedWithinTheBound, while addresses come and go: after at most
// 2·⌈n/size⌉−1 rounds, where n is the most addresses at once since its last probe, or since the
// cycle began in which it was added.
func TestEachAddressIsProbedWithinTheBound(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 0))
		s := newSampler(1+random.IntN(12), seed)
		type member struct{ rounds, most int } // since the last probe, or since it was added
		var order []*sampled
		members, added, churn, most := map[*sampled]*member{}, 0, random.IntN(4), 0
		add := func() {
			a := newSampled(Target{URL: "tcp://a"}, fmt.Sprint(added))
			added++
			s.add(a)
			order, members[a] = append(order, a), &member{most: most}
		}
		for range random.IntN(40) {
			add()
		}
		for round := range 60 {
			for range random.IntN(churn + 1) {
				if n := len(order); n > 0 && random.IntN(2) == 0 {
					i := random.IntN(n)
					s.remove(order[i])
					delete(members, order[i])
					order = slices.Delete(order, i, i+1)
				} else {
					add()
				}
			}
			for _, m := range members {
				m.rounds, m.most = m.rounds+1, max(m.most, len(members))
			}
			most = max(most, len(members)) // since the cycle began
			now, begins := s.round()
			if begins > 0 {
				most = len(members)
			}
			if len(now) > s.size || len(now) == 0 && len(members) > 0 {
				t.Fatalf("seed %d: round %d has %d of %d addresses, want 1 to %d", seed, round, len(now), len(members), s.size)
			}
			for _, a := range now {
				if members[a] == nil {
					t.Fatalf("seed %d: round %d has %s, which was removed", seed, round, a.name)
				}
				members[a] = &member{most: len(members)}
			}
			for a, m := range members {
				if bound := 2*((m.most+s.size-1)/s.size) - 1; m.rounds >= bound && !slices.Contains(now, a) {
					t.Fatalf("seed %d: after round %d, %s had no probe in %d rounds, want one in %d (of at most %d, %d at a time)",
						seed, round, a.name, m.rounds, bound, m.most, s.size)
				}
			}
		}
	}
}

// TestSeedRepeatsTheOrder, in whatever order the addresses were added.
func TestSeedRepeatsTheOrder(t *testing.T) {
	order := func(seed uint64, addresses ...int) string {
		s := newSampler(4, seed)
		for _, n := range addresses {
			s.add(newSampled(Target{}, fmt.Sprint(n)))
		}
		var words []string
		for range 9 { // three cycles
			now, _ := s.round()
			for _, a := range now {
				words = append(words, a.name)
			}
		}
		return strings.Join(words, "")
	}
	first := order(1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	if second := order(1, 9, 8, 7, 6, 5, 0, 1, 2, 3, 4); second != first {
		t.Errorf("the same seed: got %s and %s", first, second)
	}
	if other := order(2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9); other == first {
		t.Errorf("another seed: got %s again", other)
	}
	if n := len(first) / 3; first[:n] == first[n:2*n] {
		t.Errorf("the second cycle has the order of the first: %s", first)
	}
}

// TestSampleProbesSomeInEachInterval: two of five, so a cycle is three intervals. An address
// that is not probed is not lost, and keeps its connection.
func TestSampleProbesSomeInEachInterval(t *testing.T) {
	for _, reconnect := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := newNetwork("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5")
			c := f.config(t, name)
			c.Sample, c.Seed, c.Reconnect = 2, 7, reconnect
			w := f.watch(t, c)
			w.until(1990 * time.Millisecond) // the first addresses are known after 0.5 s
			if log := strings.Join(w.taken(), "\n"); !strings.Contains(log, "each address is probed once in a cycle cycle=3s longest_gap=6s down_after=12s") ||
				!strings.Contains(log, "addresses are sampled sample=2 interval=1s seed=7") {
				t.Errorf("log: got\n%s", log)
			}
			w.until(3990 * time.Millisecond) // rounds begin at 1, 2 and 3 s
			w.want("10.0.0.1:7 up: 1 received, 0 lost", "10.0.0.2:7 up: 1 received, 0 lost", "10.0.0.3:7 up: 1 received, 0 lost",
				"10.0.0.4:7 up: 1 received, 0 lost", "10.0.0.5:7 up: 1 received, 0 lost")
			f.taken()
			f.kill("10.0.0.3:7")
			w.until(15990 * time.Millisecond) // four cycles
			w.want("10.0.0.1:7 up: 5 received, 0 lost", "10.0.0.2:7 up: 5 received, 0 lost", "10.0.0.3:7 down: 1 received, 4 lost",
				"10.0.0.4:7 up: 5 received, 0 lost", "10.0.0.5:7 up: 5 received, 0 lost")
			w.wantLog("target down address=10.0.0.3:7 class=refused")
			connections := map[bool]int{false: 1, true: 5}[reconnect]
			for _, a := range w.Snapshot().Targets[0].Addresses {
				if n := len(f.conns[a.Address]); a.Up && n != connections || a.Paused != 0 {
					t.Errorf("reconnect %v: %s: %d connections, %d paused; want %d, 0", reconnect, a.Address, n, a.Paused, connections)
				}
			}
		})
	}
}

// TestSampleOfMoreThanAllIsAll: each address is probed in each interval.
func TestSampleOfMoreThanAllIsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newNetwork()
		c := f.config(t, "tcp://a:7", "udp://b:7")
		c.Sample = 50
		w := f.watch(t, c)
		w.until(5990 * time.Millisecond)
		w.want("a:7 up: 5 received, 0 lost", "b:7 up: 5 received, 0 lost")
	})
}

// TestSampleForgetsWhatIsRemoved: an address that leaves its name, and a target that leaves the
// list.
func TestSampleForgetsWhatIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newNetwork("10.0.0.1", "10.0.0.2")
		c := f.config(t, name, "tcp://a:7")
		c.Sample, c.Keep = 1, 0
		w := f.watch(t, c)
		w.until(5 * time.Second)
		f.kill("10.0.0.2:7")
		f.resolve("10.0.0.1")
		w.until(40 * time.Second)
		w.changes <- List{Targets: c.Targets[:1]}
		after(10 * time.Second)
		w.sampler.mu.Lock()
		defer w.sampler.mu.Unlock()
		var got []string
		for a := range w.sampler.all {
			got = append(got, a.name)
		}
		if diff := cmp.Diff([]string{name + " 10.0.0.1:7"}, got); diff != "" {
			t.Errorf("sampled (-want +got)\n%s", diff)
		}
	})
}
