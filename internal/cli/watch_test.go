package cli

import (
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// TestUnreadSummaryDelaysTheExitForTheTimeoutOnly: standard output is a
// full pipe.
func TestUnreadSummaryDelaysTheExitForTheTimeoutOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		began := time.Now()
		err := writeInTime(w, func(out io.Writer) error {
			_, err := io.WriteString(out, "watched")
			return err
		})
		if err == nil || time.Since(began) != summaryTimeout {
			t.Errorf("got %v after %v, want an error after %v", err, time.Since(began), summaryTimeout)
		}
		r.Close()
	})
}
