package check_test

import (
	"context"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/check"
)

func TestProgressCountsFinishedRules(t *testing.T) {
	type step struct {
		Result      string
		Done, Total int
		Running     []string
	}
	var got []step
	_, err := check.Run(t.Context(), serve(t), check.Options{
		Rules:    []string{"stream/first-byte", "stream/fin-only"},
		Parallel: 1,
		Progress: func(p check.Progress) {
			now := step{Done: p.Done, Total: p.Total, Running: p.Running}
			if p.Result != nil {
				now.Result = p.Result.Rule
			}
			got = append(got, now)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []step{
		{"", 0, 2, []string{"stream/first-byte"}},
		{"stream/first-byte", 1, 2, []string{}},
		{"", 1, 2, []string{"stream/fin-only"}},
		{"stream/fin-only", 2, 2, []string{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

// A rule that timed out beside others runs again alone. It starts twice and is counted
// once.
func TestProgressCountsARuleThatRunsTwiceOnce(t *testing.T) {
	echo := serve(t)
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	var started []string
	var done, total int
	dialed := make(chan struct{}, 100)
	echo.Dial = func(ctx context.Context) (net.Conn, error) {
		to := echo.Address
		if len(dialed) > 0 { // the first one checks that the target answers
			to = mute.Addr().String()
		}
		dialed <- struct{}{}
		return new(net.Dialer).DialContext(ctx, "tcp", to)
	}
	_, err = check.Run(t.Context(), echo, check.Options{
		Rules: []string{"stream/first-byte", "stream/fin-only"}, Parallel: 2, Timeout: time.Second,
		Progress: func(p check.Progress) {
			done, total = p.Done, p.Total
			if n := len(p.Running); p.Result == nil {
				started = append(started, p.Running[n-1])
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(started)
	want := []string{"stream/fin-only", "stream/fin-only", "stream/first-byte", "stream/first-byte"}
	if diff := cmp.Diff(want, started); diff != "" {
		t.Errorf("started rules (-want +got):\n%s", diff)
	}
	if done != 2 || total != 2 {
		t.Errorf("got %d of %d in the end, want 2 of 2", done, total)
	}
}
