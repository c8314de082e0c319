package check_test

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"echod/check"
)

// A busy machine pauses a server when much arrives, for longer than a rule waits for the writer
// to stall. The server owes little then. Later it disconnects a client to which it owes 16 KiB
// for a second.
func TestAPauseOfTheServerHidesNothing(t *testing.T) {
	impatient := func(c net.Conn) {
		owed := make(chan []byte, 4)
		defer close(owed)
		go func() {
			for chunk := range owed {
				c.Write(chunk)
			}
		}()
		for paused := false; ; {
			chunk := make([]byte, 4<<10)
			n, err := c.Read(chunk)
			if err != nil {
				return
			}
			if !paused && n == len(chunk) {
				paused = true
				time.Sleep(2 * time.Second)
			}
			select {
			case owed <- chunk[:n]:
			case <-time.After(time.Second):
				return
			}
		}
	}
	for _, id := range []string{"stream/slow-reader", "stream/zero-window"} {
		t.Run(id, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				report, err := check.Run(t.Context(), servedBy(t, impatient), check.Options{Rules: []string{id}, Stall: 5 * time.Second})
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute) // all connections have ended
				if got := report.Results[0]; got.Verdict != check.Fail || got.Class != check.PrematureEOF && got.Class != check.Reset {
					t.Errorf("got %s %s: %s, want the failure of a stream that ends", got.Verdict, got.Class, got.Detail)
				}
			})
		})
	}
}
