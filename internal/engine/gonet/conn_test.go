package gonet

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/engine"
)

func TestStreamIsEchoedAndThenHalfClosed(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			s := serve(t, network, engine.Config{})
			conn := dial(t, s)
			want := bytes.Repeat([]byte("echo"), 1<<20)
			go func() {
				conn.Write(want)
				conn.(interface{ CloseWrite() error }).CloseWrite()
			}()
			got, err := io.ReadAll(conn)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("got %d bytes and %v, want the same %d and a clean end", len(got), err, len(want))
			}
			eventually(t, func() bool { return s.Stats().Closes[engine.Finished] == 1 }, "the stream is counted as finished")
		})
	}
}

func TestBufferOfABlockingTransportFollowsTheSizeOfReads(t *testing.T) {
	const full = -1
	tests := []struct {
		name   string
		buffer int
		memory int64
		reads  []int // bytes
		want   []int // KiB, of the buffer of each read and of one more
	}{
		{"no reads", 256 << 10, 1 << 20, nil, []int{4}},
		{"short reads", 256 << 10, 1 << 20, []int{64, 64}, []int{4, 4, 4}},
		{"full reads", 256 << 10, 1 << 20, []int{full, full, 5000, full}, []int{4, 8, 16, 16, 32}},
		{"short reads after full reads", 256 << 10, 1 << 20, []int{full, full, 64, 64, 64}, []int{4, 8, 16, 8, 8, 4}},
		{"up to the limit", 10 << 10, 1 << 20, []int{full, full, full}, []int{4, 8, 10, 10}},
		{"a limit below the first size", 2 << 10, 1 << 20, []int{full}, []int{2, 2}},
		{"up to the budget", 256 << 10, 12 << 10, []int{full, full, full}, []int{4, 8, 8, 4}},
		{"no budget", 256 << 10, 1 << 10, []int{full}, []int{0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			budget := engine.NewBudget(engine.Limits{MaxMemory: tt.memory})
			s := newServer(engine.Config{Buffer: tt.buffer, Budget: budget}.WithDefaults())
			c := s.newConn(&fakePeer{}, nil)
			b := c.transport.(*blocking)
			var got []int
			for i := 0; c.getBuffer(b.want); i++ {
				size := len(c.buf.Bytes)
				got = append(got, size>>10)
				if held := budget.Memory(); held != int64(size) || s.Stats().Held != uint64(held) {
					t.Errorf("got %d bytes held and %d counted, want the buffer's %d", held, s.Stats().Held, size)
				}
				if i == len(tt.reads) {
					break
				}
				n := tt.reads[i]
				if n == full {
					n = size
				}
				b.resize(c, n)
				if i%2 == 0 {
					c.release() // as if nothing more had arrived
				}
			}
			c.release()
			if c.buf == nil && got == nil {
				got = []int{0}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("buffers in KiB (-want +got):\n%s", diff)
			}
			if held := budget.Memory(); held != 0 {
				t.Errorf("with nothing owed: got %d bytes held, want 0", held)
			}
		})
	}
}

// TestStreamWithoutSocketWaitsForMemory has two streams share one buffer, on pipes,
// which cannot be echoed without a buffer.
func TestStreamWithoutSocketWaitsForMemory(t *testing.T) {
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
			t.Errorf("the stream that waited: got %q and %v, want its bytes", back, err)
		}
		second.Close()
		synctest.Wait()
		if got := s.Stats().Closes[engine.Finished]; got != 2 || budget.Memory() != 0 {
			t.Errorf("got %d finished and %d bytes held, want 2 and 0", got, budget.Memory())
		}
		s.Shutdown(context.Background())
	})
}

// BenchmarkMessage measures a message of 64 bytes: on the loopback, and without the
// kernel.
func BenchmarkMessage(b *testing.B) {
	b.Run("loopback", func(b *testing.B) {
		conn := dial(b, serve(b, "tcp", engine.Config{}))
		message := make([]byte, 64)
		for b.Loop() {
			roundTrip(b, conn, message, message)
		}
	})
	for _, streams := range []int{1, 2} {
		b.Run(fmt.Sprintf("without kernel, %d at once", streams), func(b *testing.B) {
			s := newServer(engine.Config{}.WithDefaults())
			var all sync.WaitGroup
			for range streams {
				c := s.newConn(&fakePeer{messages: b.N}, nil)
				all.Go(func() { c.echo() })
			}
			all.Wait()
		})
	}
}

// fakePeer is a peer that has sent this many messages of 64 bytes and takes every answer
// at once.
type fakePeer struct {
	net.Conn
	messages int
}

func (c *fakePeer) Read(p []byte) (int, error) {
	if c.messages == 0 {
		return 0, io.EOF
	}
	c.messages--
	return 64, nil
}

func (c *fakePeer) Write(p []byte) (int, error) { return len(p), nil }
func (c *fakePeer) RemoteAddr() net.Addr        { return &net.UnixAddr{} }
