package spread

import (
	"net"
	"testing"
	"time"

	"echod/echotest"
	"echod/internal/dial"
)

// TestOffsetIsWithinItsUncertainty measures the clock of a session behind slow paths, of which one is
// slow in one direction only. When the clock of the session was 0 is known here: both ends are one
// process.
func TestOffsetIsWithinItsUncertainty(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]echotest.Path{
		"fast":               {},
		"slow to the worker": {ToServer: echotest.Way{Delay: 10 * time.Millisecond}},
		"slow from it":       {ToClient: echotest.Way{Delay: 10 * time.Millisecond}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			epoch := time.Now().Add(-time.Hour) // when the clock of the session was 0
			go func() {
				for { // the relay tries the address first
					conn, err := ln.Accept()
					if err != nil {
						return
					}
					s := newSession(&Worker{}, newLines(conn, testTimeout))
					s.epoch = epoch
					go func() {
						s.listen(make(chan job))
						conn.Close()
					}()
				}
			}()
			relay, err := dial.Parse(echotest.NewRelay(t, path, "tcp://"+ln.Addr().String()).URL())
			if err != nil {
				t.Fatal(err)
			}
			conn, err := relay.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			m := &member{lines: newLines(conn, testTimeout), replies: make(chan reply, 1), left: make(chan struct{}), lost: make(chan struct{})}
			go m.receive()
			defer m.leave()
			if err := m.compareClocks(t.Context()); err != nil {
				t.Fatal(err)
			}
			if wrong := m.offset.at.Sub(epoch).Abs(); wrong > m.offset.uncertainty {
				t.Errorf("the clock is off by %s, want at most %s", wrong, m.offset.uncertainty)
			}
			if delay := path.ToServer.Delay + path.ToClient.Delay; m.offset.uncertainty < delay/2 {
				t.Errorf("uncertainty %s of a path with a delay of %s", m.offset.uncertainty, delay)
			}
		})
	}
}
