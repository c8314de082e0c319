package spread

import (
	"runtime"
	"strings"
	"testing"

	"echod/echotest"
	"echod/internal/dial"
)

// Each worker has the threads of the plan. One whose machine has fewer processors refuses, and is
// named.
func TestThreadsAreThoseOfEachWorker(t *testing.T) {
	t.Parallel()
	one, _ := serve(t, &Worker{})
	two, _ := serve(t, &Worker{})
	workers := []dial.Target{one, two}
	whole := messages(t, echotest.NewServer(t).URL(), 4*runtime.NumCPU()+4, 4*int64(runtime.NumCPU())+100)
	whole.Threads = runtime.NumCPU() + 1
	_, err := coordinate(workers...).Run(t.Context(), whole, nil)
	if err == nil || !strings.Contains(err.Error(), "could not put its load: --threads ") {
		t.Errorf("got %v, want that a worker has not as many processors", err)
	}
	if whole.Threads = min(2, runtime.NumCPU()); runtime.GOOS != "linux" {
		whole.Threads = 1 // without epoll
	}
	sum, err := coordinate(workers...).Run(t.Context(), whole, nil)
	if err != nil || sum.Answered != whole.Messages || sum.Plan.Threads != whole.Threads || sum.Parts[1].Plan.Threads != whole.Threads {
		t.Errorf("got %+v, %v; want %d messages on %d threads each", sum, err, whole.Messages, whole.Threads)
	}
}
