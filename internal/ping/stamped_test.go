package ping_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"echod/internal/dial"
	"echod/internal/ping"
)

// stampedPipe stamps what it reads, and is spent after a time.
type stampedPipe struct {
	net.Conn
	spentAt time.Time
}

func (c *stampedPipe) ReadStamps(p []byte) (int, dial.Stamps, error) {
	n, err := c.Read(p)
	return n, dial.Stamps{Received: int64(n), Answered: int64(n)}, err
}

func (c *stampedPipe) Spent() bool { return !time.Now().Before(c.spentAt) }

// TestSpentSocketIsReplacedWithoutLoss also has a time in which no new socket can be made: the
// old one stays in use.
func TestSpentSocketIsReplacedWithoutLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got events
		f := newService(t, func(_ int, c *serviceConn) { c.echo() })
		f.refuse = func(n int) error {
			if n == 2 || n == 3 {
				return errors.New("not now")
			}
			return nil
		}
		target := f.target("udp")
		target.Via = func(ctx context.Context) (net.Conn, error) {
			conn, err := f.dial(ctx)
			return &stampedPipe{conn, time.Now().Add(10500 * time.Millisecond)}, err
		}
		f.run(t.Context(), got.every(time.Second, target, 40))
		for _, p := range got.probes {
			if p.Fate != ping.Answered || p.Stamps.Received != 64 {
				t.Errorf("got %s with %+v, want an answer with stamps", line(p), p.Stamps)
			}
		}
		compare(t, "connections", got.connLines(), []string{"up"})
		if len(got.probes) != 40 || len(f.dials) != 6 {
			t.Errorf("got %d probes, and sockets after %v; want 40 and 4 sockets, and two attempts", len(got.probes), f.dials)
		}
	})
}
