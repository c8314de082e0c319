package echotest

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sendTimes calls push with a pipe, ends the pipe, and returns what run sends and when.
func sendTimes(t *testing.T, way Way, push func(p *pipe)) (sent []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := newPipe(way, 1<<20, new(pacer))
		go func() {
			push(p)
			p.end()
		}()
		err := p.run(func(x queued) error {
			sent = append(sent, fmt.Sprintf("%s at %v", x.data, time.Since(start)))
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		sent = append(sent, fmt.Sprintf("end at %v", time.Since(start)))
	})
	return sent
}

func TestPipeSendsWhenTheWaySays(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name string
		way  Way
		push func(p *pipe)
		want []string
	}{
		{"no delay", Way{}, func(p *pipe) {
			p.push([]byte("a"), 0)
		}, []string{"a at 0s", "end at 0s"}},
		{"each chunk and the FIN wait for the delay", Way{Delay: 150 * ms}, func(p *pipe) {
			p.push([]byte("a"), 0)
			time.Sleep(100 * ms)
			p.push([]byte("b"), 0)
			time.Sleep(100 * ms)
		}, []string{"a at 150ms", "b at 250ms", "end at 350ms"}},
		{"bytes wait for the rate", Way{Rate: 10}, func(p *pipe) {
			p.push([]byte("aaaaa"), 0)
			p.push([]byte("bb"), 0)
			time.Sleep(2 * time.Second)
			p.push([]byte("c"), 0)
		}, []string{"aaaaa at 500ms", "bb at 700ms", "c at 2.1s", "end at 2.1s"}},
		{"the delay comes after the rate", Way{Rate: 10, Delay: time.Second}, func(p *pipe) {
			p.push([]byte("aaaaa"), 0)
			p.push([]byte("b"), 0)
		}, []string{"aaaaa at 1.5s", "b at 1.6s", "end at 1.6s"}},
		{"what is held also holds what follows", Way{}, func(p *pipe) {
			p.push([]byte("a"), 200*ms)
			p.push([]byte("b"), 0)
		}, []string{"a at 200ms", "b at 200ms", "end at 200ms"}},
		{"a stream moves one window in each delay", Way{Delay: 100 * ms, Window: 2}, func(p *pipe) {
			for range 5 {
				p.push([]byte("a"), 0)
			}
		}, []string{"a at 100ms", "a at 100ms", "a at 200ms", "a at 200ms", "a at 300ms", "end at 300ms"}},
		{"a chunk above the window is sent alone", Way{Window: 2, Delay: 100 * ms}, func(p *pipe) {
			p.push([]byte("a"), 0)
			p.push([]byte("bbb"), 0)
		}, []string{"a at 100ms", "bbb at 200ms", "end at 200ms"}},
		{"stored until the FIN", Way{StoresUntilFIN: true}, func(p *pipe) {
			p.push([]byte("a"), 0)
			time.Sleep(time.Second)
		}, []string{"a at 1s", "end at 1s"}},
		{"stored until the window is used up", Way{StoresUntilFIN: true, Window: 2}, func(p *pipe) {
			p.push([]byte("a"), 0)
			time.Sleep(time.Second)
			p.push([]byte("bb"), 0)
			time.Sleep(time.Second)
		}, []string{"a at 1s", "bb at 1s", "end at 2s"}},
		{"datagrams above the window are dropped", Way{Window: 2, Delay: 100 * ms}, func(p *pipe) {
			for _, datagram := range []string{"a", "b", "c"} {
				p.offer([]byte(datagram), 0, false)
			}
			time.Sleep(200 * ms)
			p.offer([]byte("d"), 0, false)
		}, []string{"a at 100ms", "b at 100ms", "d at 300ms", "end at 300ms"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, sendTimes(t, tt.way, tt.push)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestPipesOfOneDirectionShareTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		r := &relay{path: Path{ToServer: Way{Rate: 10}}}
		for conn, want := range []time.Duration{time.Second, 2 * time.Second} {
			toServer, toClient := r.newFlows(conn, 100)
			if got := toServer.pipe.arrival(10).Sub(start); got != want {
				t.Errorf("connection %d: got %v, want %v", conn, got, want)
			}
			if got := toClient.pipe.arrival(10).Sub(start); got != 0 {
				t.Errorf("the other direction waits for %v", got)
			}
		}
	})
}

func TestPipeReadsAheadOnlyOneWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipe(Way{Window: 100}, 0, new(pacer))
		pushed := 0
		go func() {
			for p.push(make([]byte, 10), 0) {
				pushed += 10
			}
		}()
		read := make(chan struct{})
		go p.run(func(queued) error { // a side that does not read
			<-read
			return io.EOF
		})
		synctest.Wait()
		if pushed != 100 {
			t.Errorf("got %d bytes, want the window: 100", pushed)
		}
		if time.Sleep(time.Second); !p.stuck(900*time.Millisecond) || p.stuck(1100*time.Millisecond) {
			t.Error("stuck does not report that the write has taken a second")
		}
		close(read)
	})
}

func TestPipeThatIsStoppedHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := newPipe(Way{Delay: time.Hour, Window: 1}, 0, new(pacer))
		go p.push([]byte("a"), 0)
		go p.push([]byte("b"), 0) // blocks: the window is used up
		go func() {
			synctest.Wait()
			p.stop()
		}()
		if err := p.run(func(queued) error { return io.EOF }); err != nil {
			t.Error("something was sent")
		}
		if p.push([]byte("c"), 0) || p.busy() || time.Since(start) > 0 {
			t.Error("the pipe still holds bytes, or has waited for the delay")
		}
	})
}

// affected returns the numbers of the chunks of these sizes that a fault drops on a
// connection and in a direction.
func affected(r *relay, conn int, d Direction, sizes ...int) []int {
	toServer, toClient := r.newFlows(conn, 1<<20)
	f := toServer
	if d == ToClient {
		f = toClient
	}
	var dropped []int
	for i, size := range sizes {
		if f.apply(make([]byte, size)).drop {
			dropped = append(dropped, i+1)
		}
	}
	return dropped
}

func TestFaultAppliesWhereItsConditionsSay(t *testing.T) {
	same := []int{10, 10, 10, 10, 10, 10}
	for _, tt := range []struct {
		name  string
		fault PathFault
		conn  int
		sizes []int
		want  []int
	}{
		{"no condition", PathFault{}, 1, same, []int{1, 2, 3, 4, 5, 6}},
		{"the direction", PathFault{Direction: ToClient}, 1, same, []int{1, 2, 3, 4, 5, 6}},
		{"another direction", PathFault{Direction: ToServer}, 1, same, nil},
		{"another event", PathFault{On: OnFIN}, 1, same, nil},
		{"the third connection", PathFault{Conns: Nth(3)}, 3, same[:1], []int{1}},
		{"not the third connection", PathFault{Conns: Nth(3)}, 6, same, nil},
		{"every third connection", PathFault{Conns: EveryNth(3)}, 6, same[:1], []int{1}},
		{"not every third connection", PathFault{Conns: EveryNth(3)}, 7, same, nil},
		{"the second chunk", PathFault{Chunks: Nth(2)}, 1, same, []int{2}},
		{"every second chunk", PathFault{Chunks: EveryNth(2)}, 1, same, []int{2, 4, 6}},
		{"sizes", PathFault{MinSize: 1473, MaxSize: 1475}, 1, []int{0, 1472, 1473, 1475, 1476}, []int{3, 4}},
		{"large", PathFault{MinSize: 1501}, 1, []int{1500, 1501, 65507}, []int{2, 3}},
		{"odd sizes", PathFault{OddSize: true}, 1, []int{0, 1, 2, 3}, []int{2, 4}},
		{"the chunk with the byte at an offset", PathFault{Offset: 25}, 1, same, []int{3}},
		{"an empty datagram has no byte", PathFault{Offset: 10}, 1, []int{10, 0, 1}, []int{3}},
		{"once in 25 bytes", PathFault{EveryBytes: 25}, 1, same, []int{3, 5}},
		{"later", PathFault{After: time.Hour}, 1, same, nil},
		{"while the other direction is idle", PathFault{WhileBusy: true}, 1, same, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &relay{path: Path{Faults: []PathFault{tt.fault}}}
			if got := affected(r, tt.conn, ToClient, tt.sizes...); !slices.Equal(got, tt.want) {
				t.Errorf("got chunks %v, want %v", got, tt.want)
			}
		})
	}
}

func TestFaultWhileBusyWaitsForBytesOfTheOtherDirection(t *testing.T) {
	r := &relay{path: Path{Faults: []PathFault{{WhileBusy: true, Do: Drop}}}}
	toServer, toClient := r.newFlows(1, 100)
	toServer.pipe.push([]byte("a"), 0)
	if !toClient.apply([]byte("a")).drop || toServer.apply([]byte("a")).drop {
		t.Error("want the fault only in the direction whose other direction holds bytes")
	}
}

func TestFaultAfterATimeWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &relay{path: Path{Faults: []PathFault{{After: time.Second, Do: Drop}}}}
		_, toClient := r.newFlows(1, 100)
		early := toClient.apply([]byte("a")).drop
		time.Sleep(time.Second)
		if late := toClient.apply([]byte("a")).drop; early || !late {
			t.Errorf("got early %v, late %v", early, late)
		}
	})
}

func TestEveryBytesCountsAllConnections(t *testing.T) {
	r := &relay{path: Path{Faults: []PathFault{{EveryBytes: 25, Do: Drop}}}}
	for conn, want := range [][]int{nil, {1}, {1}} {
		if got := affected(r, conn+1, ToClient, 10, 10); !slices.Equal(got, want) {
			t.Errorf("connection %d: got chunks %v, want %v", conn+1, got, want)
		}
	}
}

func TestChangeByteChangesOneByte(t *testing.T) {
	for _, tt := range []struct {
		fault PathFault
		want  string
	}{
		{PathFault{Offset: 6}, "abcd ef\x32h"}, // 'g' ^ 0x55
		{PathFault{}, "ab\x36d ef\x32h"},
		{PathFault{EveryBytes: 4}, "abc\x31 efg\x3d"},
	} {
		tt.fault.Do = ChangeByte
		_, toClient := (&relay{path: Path{Faults: []PathFault{tt.fault}}}).newFlows(1, 100)
		first, second := toClient.apply([]byte("abcd")), toClient.apply([]byte("efgh"))
		if got := string(first.data) + " " + string(second.data); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.fault, got, tt.want)
		}
	}
}

func TestSeedDecidesWhatIsChosen(t *testing.T) {
	chosen := func(seed uint64) (all string) {
		r := &relay{path: Path{Seed: seed, Faults: []PathFault{
			{Chunks: Chance(0.05), Do: Drop},
			{Conns: Chance(0.25), Direction: ToClient, Chunks: Nth(1), Do: Drop},
		}}}
		for conn := 1; conn <= 50; conn++ {
			for _, d := range []Direction{ToServer, ToClient} {
				all += fmt.Sprint(affected(r, conn, d, make([]int, 100)...), " ")
			}
		}
		return all
	}
	first, again, other := chosen(1), chosen(1), chosen(2)
	if first != again || first == other {
		t.Error("want the same decisions from the same seed, and others from another one")
	}
	r := &relay{path: Path{Seed: 1, Faults: []PathFault{{Chunks: Chance(0.05), Do: Drop}}}}
	if got := len(affected(r, 1, ToClient, make([]int, 10000)...)); got < 450 || got > 550 {
		t.Errorf("%d of 10000 chunks were chosen with probability 0.05", got)
	}
	if !strings.Contains(first, "[1") {
		t.Error("no connection was chosen with probability 0.25")
	}
}
