//go:build !windows

package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	"echod/internal/dial/dialtest"
)

// The kernel reports a reset only once, to the read or to the write.
func TestAResetThatTheWriteGotIsNotAFIN(t *testing.T) {
	fin := failAt(7, PrematureEOF, "the stream ended")
	for _, tt := range []struct {
		name  string
		write error
		want  Class
	}{
		{"all was written", nil, PrematureEOF},
		{"reset", (&stream{}).callError("sending", syscall.ECONNRESET), Reset},
		{"reset after a FIN", (&stream{}).callError("sending", syscall.EPIPE), PrematureEOF},
		{"closed here", fmt.Errorf("sending: %w", syscall.EBADF), PrematureEOF},
	} {
		var got *failure
		if !errors.As(preferReset(fin, tt.write), &got) || got.class != tt.want || got.offset != 7 {
			t.Errorf("%s: got %+v, want %s at byte 7", tt.name, got, tt.want)
		}
	}
}

func TestAResetThatTheWriteGotIsNotAnEndOfTheStream(t *testing.T) {
	target := Target{Network: "tcp", Dial: func(context.Context) (net.Conn, error) {
		return dialtest.NewResetConn(), nil
	}}
	report, err := Identify(t.Context(), target, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n := report.NotEcho; n == nil || !strings.Contains(n.Seen, "reset") {
		t.Errorf("got %+v, want that it was reset", n)
	}
}
