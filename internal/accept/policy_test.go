package accept

import (
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPauseDoublesWhileAShortageLasts(t *testing.T) {
	var p Policy
	var now int64
	var got []time.Duration
	for range 6 {
		step, event := p.Result(now, syscall.EMFILE)
		if step != Pause || !event.Counted || event.Reason != NoDescriptors {
			t.Fatalf("EMFILE: got %v, %+v; want a pause counted as %v", step, event, NoDescriptors)
		}
		if p.Next(p.Until()-1) != Pause || p.Next(p.Until()) != Accept {
			t.Error("the pause does not end when Until says")
		}
		got = append(got, p.pause)
		now += int64(p.pause)
	}
	want := []time.Duration{100, 200, 400, 800, 1000, 1000}
	for i := range want {
		want[i] *= time.Millisecond
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pauses (-want +got):\n%s", diff)
	}
	p.Result(now, 0)
	p.Result(now, syscall.EMFILE)
	if p.pause != ShortestPause {
		t.Errorf("the first pause after a success: got %v, want %v", p.pause, ShortestPause)
	}
}

func TestResultDecidesTheNextStep(t *testing.T) {
	tests := []struct {
		name   string
		number syscall.Errno
		step   Step
		event  Event
	}{
		{"a connection", 0, Accept, Event{}},
		{"an empty queue", syscall.EAGAIN, Wait, Event{}},
		{"a signal", syscall.EINTR, Accept, Event{}},
		{"lost in the queue", syscall.ECONNABORTED, Accept, Event{Counted: true, Reason: Aborted}},
		{"no memory", syscall.ENOMEM, Pause, Event{Counted: true, Reason: NoMemory, Log: true}},
		{"unknown", syscall.EINVAL, Pause, Event{Counted: true, Reason: Other, Log: true}},
	}
	for _, tt := range tests {
		var p Policy
		step, event := p.Result(5, tt.number)
		if step != tt.step || event != tt.event {
			t.Errorf("%s: got %v, %+v; want %v, %+v", tt.name, step, event, tt.step, tt.event)
		}
	}
}

func TestAnErrorOfEveryCallCausesAPause(t *testing.T) {
	var p Policy
	for i := range 3 * MaxLost {
		step, _ := p.Result(0, syscall.EPERM)
		if want := (i+1)%MaxLost == 0; (step == Pause) != want {
			t.Fatalf("EPERM number %d: got %v, want a pause only at each %d", i+1, step, MaxLost)
		}
	}
	p.Result(0, syscall.EPERM)
	p.Result(0, syscall.EAGAIN) // the queue was empty in between, so the errors are not consecutive
	for i := range MaxLost - 1 {
		if step, _ := p.Result(0, syscall.EPERM); step == Pause {
			t.Fatalf("a pause after %d consecutive errors, want %d", i+1, MaxLost)
		}
	}
}

func TestASocketThatStaysReadableWithAnEmptyQueueCausesAPause(t *testing.T) {
	var p Policy
	for i := range 2 * MaxEmpty {
		step, event := p.Result(0, syscall.EAGAIN)
		if want := i+1 >= MaxEmpty; (step == Pause) != want || event != (Event{}) {
			t.Fatalf("empty queue, time %d: got %v, %+v; want a pause from time %d on, and nothing counted", i+1, step, event, MaxEmpty)
		}
	}
	p.Result(0, 0)
	if step, _ := p.Result(0, syscall.EAGAIN); step != Wait {
		t.Errorf("after a connection: got %v, want %v", step, Wait)
	}
}

func TestEndlessInterruptionsCauseAPause(t *testing.T) {
	var p Policy
	for i := range MaxLost - 1 {
		if step, event := p.Result(0, syscall.EINTR); step != Accept || event != (Event{}) {
			t.Fatalf("interruption %d: got %v, %+v; want another try and nothing counted", i+1, step, event)
		}
	}
	if step, _ := p.Result(0, syscall.EINTR); step != Pause {
		t.Errorf("interruption %d: got %v, want %v", MaxLost, step, Pause)
	}
}

func TestFullPausesUntilASlotIsFree(t *testing.T) {
	var p Policy
	if step, event := p.Full(1); step != Pause || event != (Event{Counted: true, Reason: Full, Log: true}) {
		t.Errorf("got %v, %+v; want a logged pause", step, event)
	}
	if got := p.Next(int64(time.Hour)); got != Pause {
		t.Errorf("an hour later: got %v, want %v", got, Pause)
	}
	if p.Until() != 0 {
		t.Error("the pause has an end in time; want none: only a free slot ends it")
	}
	p.SlotFree()
	if got := p.Next(2); got != Accept {
		t.Errorf("with a free slot: got %v, want %v", got, Accept)
	}
}

func TestAnEndedConnectionEndsAPause(t *testing.T) {
	var p Policy
	p.Result(1, syscall.EMFILE)
	p.ConnectionEnded()
	if got := p.Next(2); got != Accept {
		t.Errorf("got %v, want %v", got, Accept)
	}
}

func TestOnePauseAMinuteIsLogged(t *testing.T) {
	var p Policy
	logged, unlogged := 0, 0
	for now := int64(0); now <= int64(time.Hour); now += int64(time.Second) {
		if _, e := p.Full(now); e.Log {
			logged++
			unlogged += e.Unlogged
		}
	}
	if logged != 61 || unlogged != 60*59 {
		t.Errorf("3601 pauses in an hour: got %d logged that report %d more, want 61 and 3540", logged, unlogged)
	}
}

func TestDrainAcceptsTheQueueAndNothingElse(t *testing.T) {
	const now = int64(time.Second)
	const graceEnds = now + int64(Grace)
	const later = graceEnds + 1
	type call struct {
		at     int64
		number syscall.Errno
		full   bool
	}
	tests := []struct {
		name   string
		queued int
		calls  []call
		want   Step
	}{
		{"an empty queue", 0, []call{{at: now, number: syscall.EAGAIN}}, Close},
		{"an empty queue, no slot", 0, []call{{at: now, full: true}}, Close},
		{"one of two, no slot", 2, []call{{at: now}, {at: later, full: true}}, Pause},
		{"both of two, no slot", 2, []call{{at: now}, {at: later}, {at: later, full: true}}, Close},
		{"both of two, later", 2, []call{{at: now}, {at: later}}, Close},
		{"both of two, at once", 2, []call{{at: now}, {at: now}}, Accept},
		{"a third, at once", 2, []call{{at: now}, {at: now}, {at: now}}, Accept},
		{"both of two, as Grace ends", 2, []call{{at: now}, {at: graceEnds}}, Accept},
		{"a third, as Grace ends", 2, []call{{at: now}, {at: now}, {at: graceEnds}}, Accept},
		{"a third, later", 2, []call{{at: now}, {at: now}, {at: later}}, Close},
		{"one of two was lost", 2, []call{{at: now, number: syscall.ECONNABORTED}, {at: later}}, Close},
		{"one of two could not be accepted", 2, []call{{at: now, number: syscall.EPERM}, {at: later}}, Accept},
		{"an unknown queue", -1, []call{{at: now}, {at: later}}, Accept},
		{"an unknown queue, no slot", -1, []call{{at: now}, {at: later, full: true}}, Pause},
		{"a shortage", 1, []call{{at: now, number: syscall.EMFILE}}, Pause},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p Policy
			p.Drain(now, tt.queued)
			p.Drain(now, 1000) // once is enough
			var got Step
			for _, c := range tt.calls {
				if c.full {
					got, _ = p.Full(c.at)
				} else {
					got, _ = p.Result(c.at, c.number)
				}
			}
			if got != tt.want {
				t.Errorf("step: got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestDrainOfAnUnknownQueueEnds(t *testing.T) {
	var p Policy
	p.Drain(0, -1)
	for range MaxQueue - 1 {
		if step, _ := p.Result(1, 0); step != Accept {
			t.Fatalf("got %v, want %v", step, Accept)
		}
	}
	if step, _ := p.Result(1, 0); step != Close {
		t.Errorf("after %d connections: got %v, want %v", MaxQueue, step, Close)
	}
}

// FuzzPolicy checks any sequence of results: a pause ends, a listener without a slot
// waits until one is free, a pause is logged once a minute, and a drain ends.
func FuzzPolicy(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Add([]byte{9, 7, 7, 7, 0, 0, 1})
	numbers := []syscall.Errno{0, syscall.EAGAIN, syscall.EINTR, syscall.EMFILE, syscall.EPERM, syscall.ENOMEM, syscall.EINVAL}
	f.Fuzz(func(t *testing.T, script []byte) {
		var p Policy
		var now, lastLog int64 = 1, -int64(LogInterval)
		accepted := 0
		for _, b := range script {
			var e Event
			switch op := int(b % 16); {
			case op < len(numbers):
				if p.Next(now) != Accept {
					now += int64(time.Millisecond)
					continue
				}
				_, e = p.Result(now, numbers[op])
				if p.Draining() && numbers[op] == 0 {
					accepted++
				}
			case op == 7:
				_, e = p.Full(now)
				if p.Next(now) == Accept {
					t.Fatal("full, and accepts")
				}
			case op == 8:
				p.SlotFree()
			case op == 9:
				p.Drain(now, int(b>>4))
			case op == 10:
				p.ConnectionEnded()
			default:
				now += int64(time.Duration(b) * 10 * time.Millisecond)
			}
			if e.Log {
				if now-lastLog < int64(LogInterval) {
					t.Fatalf("two pauses logged within %v", time.Duration(now-lastLog))
				}
				lastLog = now
			}
		}
		if p.Until() > now+int64(LongestPause) {
			t.Fatalf("a pause of %v", time.Duration(p.Until()-now))
		}
		p.Drain(now, 3)
		p.SlotFree()
		now += int64(LongestPause + Grace)
		for range MaxQueue + 1 {
			if p.Next(now) == Close {
				return
			}
			p.Result(now, 0)
		}
		t.Fatalf("the drain accepts more than %d connections", MaxQueue)
	})
}

func TestClassifyPausesForAShortageAndNotForOneLostConnection(t *testing.T) {
	tests := []struct {
		errno  syscall.Errno
		reason Reason
		pause  bool
	}{
		{syscall.ECONNABORTED, Aborted, false},
		{syscall.EPROTO, Aborted, false},
		{syscall.EPERM, Aborted, false},
		{syscall.ENETDOWN, Aborted, false},
		{syscall.ENETUNREACH, Aborted, false},
		{syscall.EHOSTDOWN, Aborted, false},
		{syscall.EHOSTUNREACH, Aborted, false},
		{syscall.ENOPROTOOPT, Aborted, false},
		{syscall.ETIMEDOUT, Aborted, false},
		{syscall.EMFILE, NoDescriptors, true},
		{syscall.ENFILE, NoDescriptors, true},
		{syscall.ENOBUFS, NoMemory, true},
		{syscall.ENOMEM, NoMemory, true},
		{syscall.EINVAL, Other, true},
		{syscall.ENOSPC, Other, true},
		{syscall.EACCES, Other, true},
	}
	for _, tt := range tests {
		reason, pause := Classify(tt.errno)
		if reason != tt.reason || pause != tt.pause {
			t.Errorf("%v: got %v, pause %t; want %v, pause %t", tt.errno, reason, pause, tt.reason, tt.pause)
		}
	}
}
