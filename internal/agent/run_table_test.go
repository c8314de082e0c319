package agent

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// addRun adds an active run with that ID.
func addRun(t *testing.T, b *runTable, id string) *run {
	t.Helper()
	r := newRun(t.Context(), request{params: map[string]string{"id": id}}, script{})
	if err := b.add(r, 1<<20); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReportsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newRunTable()
		addRun(t, b, "active")
		b.finish(addRun(t, b, "ended"))
		time.Sleep(reportTimeout)
		if _, err := b.find("ended"); err != nil {
			t.Errorf("after %v: %v", reportTimeout, err)
		}
		time.Sleep(time.Nanosecond)
		if _, err := b.find("ended"); err == nil {
			t.Errorf("the report exists after more than %v", reportTimeout)
		}
		if _, err := b.find("active"); err != nil {
			t.Errorf("active run: %v", err)
		}
	})
}

func TestOldestReportsAreDropped(t *testing.T) {
	b := newRunTable()
	for i := range maxReports + 1 {
		b.finish(addRun(t, b, strconv.Itoa(i)))
	}
	if _, err := b.find("0"); err == nil {
		t.Error("the oldest report still exists")
	}
	if _, err := b.find("1"); err != nil {
		t.Error(err)
	}
	if got := len(b.runs); got != maxReports {
		t.Errorf("got %d reports, want %d", got, maxReports)
	}
}

func TestIDCannotBeReused(t *testing.T) {
	b := newRunTable()
	r := addRun(t, b, "mine")
	for range 2 {
		if err := b.add(newRun(t.Context(), request{params: map[string]string{"id": "mine"}}, script{}), 10); err == nil {
			t.Error("got a second run with the same ID")
		}
		if b.runs["mine"].doneAt.IsZero() {
			b.finish(r)
		}
	}
}

func TestEndsOfRunsAreCounted(t *testing.T) {
	b := newRunTable()
	for id, end := range map[string]End{"1": FIN, "2": Reset, "3": FIN} {
		r := addRun(t, b, id)
		r.setEnd(end, nil)
		b.finish(r)
	}
	if diff := cmp.Diff(map[End]uint64{FIN: 2, Reset: 1}, b.ends); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestTotalTimeLastsUntilTheAgentHasFinished lets the client end earlier.
func TestTotalTimeLastsUntilTheAgentHasFinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newRunTable()
		r := addRun(t, b, "x")
		r.conn = controlConn{}
		total := func(what string, want int64) {
			t.Helper()
			if got := r.snapshot().TotalMS; got != want {
				t.Errorf("%s: got %d ms, want %d", what, got, want)
			}
		}
		time.Sleep(time.Second)
		total("while the connection is open", 1000)
		r.do(func(r *run) error {
			r.setEnd(FIN, nil)
			time.Sleep(time.Second)
			total("after the FIN of the client", 2000)
			time.Sleep(time.Second)
			return nil
		})
		b.finish(r)
		time.Sleep(time.Second)
		total("after the run", 3000)
		if got := r.snapshot().EndMS; got != 1000 {
			t.Errorf("got the end after %d ms, want 1000", got)
		}
	})
}
