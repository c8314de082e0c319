package load

import (
	"context"
	"errors"
	"testing"
	"time"

	"echod/echotest"
	"echod/internal/dial"
)

// held returns a plan of that many messages for a service.
func held(t *testing.T, url string, n int64) Plan {
	t.Helper()
	target, err := dial.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	sizes, err := ParseSizes("64")
	if err != nil {
		t.Fatal(err)
	}
	return Plan{URL: url, Target: target, Conns: 2, Depth: 1, Sizes: sizes, Messages: n, Timeout: time.Hour, Verify: true, Seed: 1}
}

func TestHeldLoadBeginsWhenItMay(t *testing.T) {
	t.Parallel()
	var ready time.Time
	r, err := RunHeld(t.Context(), held(t, echotest.NewServer(t).URL(), 10), Hold{Ready: func(context.Context) error {
		ready = time.Now()
		return nil
	}}, nil)
	if err != nil || r.Answered != 10 || r.Started.Before(ready) {
		t.Errorf("got %+v, %v; want a start after %s", r, err, ready)
	}
	refused := errors.New("refused")
	if r, err := RunHeld(t.Context(), held(t, echotest.NewServer(t).URL(), 10), Hold{Ready: func(context.Context) error { return refused }}, nil); r != nil || err != refused {
		t.Errorf("got %v, %v; want %v", r, err, refused)
	}
}

// TestAbandonedLoadDoesNotAwaitReplies: the server sends none, and the timeout is an hour.
func TestAbandonedLoadDoesNotAwaitReplies(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	abandoned := make(chan struct{})
	close(abandoned)
	hold := Hold{Abandoned: abandoned, Ready: func(context.Context) error {
		time.AfterFunc(10*time.Millisecond, cancel)
		return nil
	}}
	r, err := RunHeld(ctx, held(t, echotest.NewBroken(t, echotest.AnswersAfterFIN()).URL(), 10), hold, nil)
	if r == nil || r.Due == 0 || !r.Interrupted {
		t.Errorf("got %+v, %v", r, err)
	}
}
