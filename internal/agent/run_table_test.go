package agent

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// enter begins a run of that ID.
func enter(t *testing.T, b *runTable, id string) *run {
	t.Helper()
	r := newRun(t.Context(), request{params: map[string]string{"id": id}}, script{})
	if err := b.add(r, 1<<20); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReportsAreForgottenAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newRunTable()
		enter(t, b, "goes on")
		b.finish(enter(t, b, "over"))
		time.Sleep(reportLife)
		if _, err := b.find("over"); err != nil {
			t.Errorf("after %v: %v", reportLife, err)
		}
		time.Sleep(time.Nanosecond)
		if _, err := b.find("over"); err == nil {
			t.Errorf("still known after more than %v", reportLife)
		}
		if _, err := b.find("goes on"); err != nil {
			t.Errorf("a run that goes on is forgotten: %v", err)
		}
	})
}

func TestOldestReportsGiveWay(t *testing.T) {
	b := newRunTable()
	for i := range maxReports + 1 {
		b.finish(enter(t, b, strconv.Itoa(i)))
	}
	if _, err := b.find("0"); err == nil {
		t.Error("the oldest is still known")
	}
	if _, err := b.find("1"); err != nil {
		t.Error(err)
	}
	if got := len(b.runs); got != maxReports {
		t.Errorf("got %d reports, want %d", got, maxReports)
	}
}

func TestAnIDIsOfOneRun(t *testing.T) {
	b := newRunTable()
	r := enter(t, b, "mine")
	for range 2 {
		if err := b.add(newRun(t.Context(), request{params: map[string]string{"id": "mine"}}, script{}), 10); err == nil {
			t.Error("the same ID was taken again")
		}
		if b.runs["mine"].over.IsZero() {
			b.finish(r)
		}
	}
}

func TestEndsOfRunsAreCounted(t *testing.T) {
	b := newRunTable()
	for id, end := range map[string]End{"1": FIN, "2": Reset, "3": FIN} {
		r := enter(t, b, id)
		r.saw(end, nil)
		b.finish(r)
	}
	if diff := cmp.Diff(map[End]uint64{FIN: 2, Reset: 1}, b.ended); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestTotalTimeIsUntilTheAgentIsDone: the client may have ended long before that.
func TestTotalTimeIsUntilTheAgentIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newRunTable()
		r := enter(t, b, "x")
		r.conn = controlConn{}
		total := func(what string, want int64) {
			t.Helper()
			if got := r.snapshot().TotalMS; got != want {
				t.Errorf("%s: got %d ms, want %d", what, got, want)
			}
		}
		time.Sleep(time.Second)
		total("while the connection is open", 1000)
		r.act(func(r *run) error {
			r.saw(FIN, nil)
			time.Sleep(time.Second)
			total("after the client's end", 2000)
			time.Sleep(time.Second)
			return nil
		})
		b.finish(r)
		time.Sleep(time.Second)
		total("when the agent is done", 3000)
		if got := r.snapshot().EndMS; got != 1000 {
			t.Errorf("the end was seen after %d ms, want 1000", got)
		}
	})
}
