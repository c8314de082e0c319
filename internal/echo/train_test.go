package echo

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestATrainIsCutBetweenItsDatagrams(t *testing.T) {
	tests := []struct {
		bytes string
		size  int
		want  []string
	}{
		{"abcdef", 2, []string{"ab", "cd", "ef"}},
		{"abcde", 2, []string{"ab", "cd", "e"}},
		{"abc", 1, []string{"a", "b", "c"}},
		{"abc", 3, []string{"abc"}},
		{"abc", 4, []string{"abc"}},
		{"abc", 0, []string{"abc"}},
		{"", 0, []string{""}},
		{"", 2, []string{""}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%q by %d", tt.bytes, tt.size), func(t *testing.T) {
			train := Train{[]byte(tt.bytes), tt.size}
			if got := datagramsOf(train); !slices.Equal(got, tt.want) || train.Count() != len(tt.want) {
				t.Errorf("got %q, %d datagrams, want %q", got, train.Count(), tt.want)
			}
			if got := train.First(); got != len(tt.want[0]) {
				t.Errorf("the first one has %d bytes, want %d", got, len(tt.want[0]))
			}
		})
	}
}

func datagramsOf(t Train) (all []string) {
	for range t.Count() {
		var one Train
		one, t = t.Cut(1)
		all = append(all, string(one.Bytes))
	}
	return all
}

// A guard decides about a train what another one with the same configuration decides about its
// datagrams.
func TestCheckTrainDecidesAsCheckDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := GuardConfig{
			PerPrefix: Rate{Packets: rapid.IntRange(1, 50).Draw(t, "packets"), Bytes: 1},
			Total:     Rate{Packets: rapid.IntRange(1, 80).Draw(t, "total")},
		}
		whole, single := NewGuard(cfg), NewGuard(cfg)
		now := int64(0)
		for range rapid.IntRange(1, 5).Draw(t, "trains") {
			now += int64(rapid.IntRange(0, 1e9).Draw(t, "gap"))
			src := rapid.SampledFrom([]netip.AddrPort{
				netip.MustParseAddrPort("127.0.0.1:40000"), netip.MustParseAddrPort("192.0.2.1:40000"),
				netip.MustParseAddrPort("192.0.2.1:7"), netip.MustParseAddrPort("[2001:db8::1]:40000"),
			}).Draw(t, "source")
			train := Train{bytes.Repeat([]byte{'a', 'b', 'c'}, rapid.IntRange(0, 700).Draw(t, "length")), rapid.IntRange(0, 100).Draw(t, "size")}
			var got, want []string
			last := NumDrops
			whole.CheckTrain(now, src, netip.AddrPort{}, train, func(run Train, drop Drop) {
				if drop == last {
					t.Fatalf("two runs in sequence with the decision %v, want one", drop)
				}
				last = drop
				for _, payload := range datagramsOf(run) {
					got = append(got, fmt.Sprint(drop, payload))
				}
			})
			for _, payload := range datagramsOf(train) {
				want = append(want, fmt.Sprint(single.Check(now, src, netip.AddrPort{}, []byte(payload)), payload))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("decisions (-want +got):\n%s", diff)
			}
		}
	})
}

// The datagrams of a train are counted one by one, so a loop is found in its middle.
func TestALoopIsMutedInTheMiddleOfATrain(t *testing.T) {
	g := NewGuard(GuardConfig{})
	src := netip.MustParseAddrPort("192.0.2.1:40000")
	answered, muted := 0, 0
	for range LoopRepeats/64 + 1 {
		g.CheckTrain(0, src, netip.AddrPort{}, Train{make([]byte, 64), 1}, func(run Train, drop Drop) {
			switch drop {
			case Answer:
				answered += run.Count()
			case DropMuted:
				muted += run.Count()
			}
		})
	}
	if all := (LoopRepeats/64 + 1) * 64; answered != LoopRepeats-1 || muted != all-answered {
		t.Errorf("got %d answered and %d muted of %d, want %d answered", answered, muted, all, LoopRepeats-1)
	}
}
