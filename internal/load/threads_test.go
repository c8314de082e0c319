package load

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A slot has the same number with any number of threads, so it sends the same bytes to the same
// address, at the same instants.
func TestThreadsShareSlotsAndScheduleWithoutRest(t *testing.T) {
	for _, slots := range []int{1, 2, 3, 5, 8, 50} {
		for threads := 1; threads <= slots; threads++ {
			name := fmt.Sprintf("%d slots, %d threads", slots, threads)
			const messages = 200
			owner, all := map[int]int{}, make([]int64, 0, messages)
			for i := range threads {
				s := share{i, threads, slots}
				most := (slots + threads - 1) / threads
				if n := s.count(); n > most || n < most-1 {
					t.Errorf("%s: thread %d has %d slots, want %d or one less", name, i, n, most)
				}
				for own := range s.count() {
					if s.index(s.slot(own)) != own {
						t.Errorf("%s: slot %d is slot %d of its thread, want %d", name, s.slot(own), s.index(s.slot(own)), own)
					}
					owner[s.slot(own)] = i
				}
				var mine []int64
				for m := s.after(0); m < messages; m = s.after(m + 1) {
					if got := s.before(m); got != int64(len(mine)) {
						t.Fatalf("%s: thread %d has %d messages before %d, want %d", name, i, got, m, len(mine))
					}
					mine = append(mine, m)
				}
				for _, m := range mine {
					if slot := int(m % int64(slots)); owner[slot] != i {
						t.Fatalf("%s: thread %d has message %d, which is for slot %d", name, i, m, slot)
					}
				}
				all = append(all, mine...)
			}
			slices.Sort(all)
			for m, got := range all {
				if int64(m) != got {
					t.Fatalf("%s: message %d is missing or is sent twice", name, m)
				}
			}
			if len(owner) != slots || len(all) != messages {
				t.Errorf("%s: got %d slots, %d messages", name, len(owner), len(all))
			}
		}
	}
}

// The threads of an open loop have together the instants of one thread, in each stage.
func TestScheduleOfThreadsIsThatOfOne(t *testing.T) {
	instants := func(s *schedule) (due []int64) {
		for _, at, ok := s.pop(never - 1); ok; _, at, ok = s.pop(never - 1) {
			due = append(due, at)
		}
		return due
	}
	for _, rate := range []string{"1000/50ms", "100..3000/50ms,0/10ms,500/20ms"} {
		parsed, err := ParseRate(rate)
		if err != nil {
			t.Fatal(err)
		}
		one := &schedule{phase: 0.25}
		one.start(1000, parsed)
		want := instants(one)
		for _, threads := range []int{2, 3, 7} {
			var got []int64
			var counted int64
			for i := range threads {
				s := &schedule{phase: 0.25, share: share{i, threads, 7}}
				s.start(1000, parsed)
				counted += s.count(2000, 60e6)
				got = append(got, instants(s)...)
			}
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" || len(want) < 50 {
				t.Errorf("rate %s, %d threads, %d messages (-one +threads):\n%s", rate, threads, len(want), diff)
			}
			if c := one.count(2000, 60e6); c != counted {
				t.Errorf("rate %s, %d threads: got %d messages in a part, want %d", rate, threads, counted, c)
			}
		}
	}
}

func TestPlanRefusesThreadsThatItCannotHave(t *testing.T) {
	for _, tt := range []struct {
		name string
		plan func(p *Plan)
		want string // "": it is valid
	}{
		{"as many as connections", func(p *Plan) { p.Threads = p.Conns }, ""},
		{"a negative number", func(p *Plan) { p.Threads = -1 }, "--threads -1: want 1 to 256"},
		{"too many", func(p *Plan) { p.Conns, p.Threads = 1000, 257 }, "--threads 257: want 1 to 256"},
		{"more than connections", func(p *Plan) { p.Threads = p.Conns + 1 }, "--threads 5 for 4 connections: want at most a thread for each connection"},
		{"more than messages", func(p *Plan) { p.Threads, p.Duration, p.Messages = 3, 0, 2 },
			"--threads 3 for fewer messages: want at most a thread for each message: a higher --rate, or more --messages"},
		{"as many as messages", func(p *Plan) { p.Threads, p.Duration, p.Messages = 3, 0, 3 }, ""},
		{"more than are due", func(p *Plan) { p.Threads, p.Rate, p.Duration = 3, PerSecond(2), 1e9 },
			"--threads 3 for fewer messages: want at most a thread for each message: a higher --rate, or more --messages"},
		{"as many as are due", func(p *Plan) { p.Threads, p.Rate, p.Duration = 2, PerSecond(2), 1e9 }, ""},
		{"over TLS", func(p *Plan) { p.Threads, p.Target.Network = 2, "tls" },
			"--threads 2 over TLS, or with -I, -Q or -M: omit it: each connection has goroutines, which use all processors"},
		{"one over TLS", func(p *Plan) { p.Threads, p.Target.Network = 1, "tls" }, ""},
	} {
		p := planOf(t, "tcp://127.0.0.1:7", "64")
		p.Conns = 4
		tt.plan(&p)
		err := p.Check()
		if got := fmt.Sprint(err); got != tt.want && (err != nil || tt.want != "") {
			t.Errorf("%s: got %s, want %q", tt.name, got, tt.want)
		}
	}
	p := planOf(t, "tcp://127.0.0.1:7", "64")
	p.Conns, p.Threads = 4, 3
	if err := p.checkHere(2); err == nil {
		t.Error("3 threads on 2 processors are no error")
	}
}
