package gonet

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"echod/internal/engine"
)

// TestStreamThatCannotPassWaitsForMemory has two streams share one buffer, on
// pipes, which nothing can be passed on through without one.
func TestStreamThatCannotPassWaitsForMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget := engine.NewBudget(engine.Limits{MaxMemory: engine.MinBuffer})
		s := newServer(engine.Config{Buffer: engine.MinBuffer, Budget: budget, StallTimeout: time.Hour}.WithDefaults())
		go s.Serve()
		synctest.Wait()
		join := func() net.Conn {
			client, accepted := net.Pipe()
			s.cfg.Budget.Slots.Acquire()
			s.admit(accepted, nil)
			synctest.Wait()
			return client
		}
		first, second := join(), join()
		first.Write([]byte("echo"))
		go second.Write([]byte("wait"))
		time.Sleep(30 * time.Minute)
		if got := budget.Memory(); got != engine.MinBuffer {
			t.Errorf("held: got %d bytes, want %d", got, engine.MinBuffer)
		}
		io.ReadFull(first, make([]byte, 4))
		first.Close()
		back := make([]byte, 4)
		if _, err := io.ReadFull(second, back); err != nil || string(back) != "wait" {
			t.Errorf("the stream that has waited: got %q and %v, want its bytes", back, err)
		}
		second.Close()
		synctest.Wait()
		if got := s.Stats().Closes[engine.Finished]; got != 2 || budget.Memory() != 0 {
			t.Errorf("got %d finished and %d bytes held, want 2 and 0", got, budget.Memory())
		}
		s.Shutdown(context.Background())
	})
}
