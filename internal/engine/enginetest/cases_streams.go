package enginetest

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"echod/check"
	"echod/internal/engine"
)

// streamCases test streams without faults.
var streamCases = []testCase{
	{
		name:    "short reads and writes of any size lose nothing",
		promise: "S1, S2: short reads and short writes lose, repeat and reorder nothing",
		on:      "tcp tls unix",
		traced:  true,
		run:     everySize,
	},
	{
		name:    "megabytes in pieces of any size are echoed",
		promise: "S1, S2: short reads and short writes lose, repeat and reorder nothing",
		on:      "tcp tls unix",
		run:     megabytes,
	},
	{
		name:    "a client that waits for each answer gets every answer",
		promise: "S5: received bytes are echoed without waiting for more",
		on:      "tcp tls unix",
		traced:  true,
		run:     lockstep,
	},
}

// everySize sends pieces of sizes around those of buffers and windows, and receives pieces
// of other sizes.
func everySize(t trial) {
	s := t.serve(engine.Config{Buffer: engine.MinBuffer})
	edges := []int{1, 2, 1023, 1024, 4095, 4096, 4097, 8191, 8193, 16384, 20000}
	rapid.Check(t.T, func(r *rapid.T) {
		size := rapid.OneOf(rapid.SampledFrom(edges), rapid.IntRange(1, 6000))
		out := rapid.SliceOfN(size, 1, 6).Draw(r, "out")
		in := rapid.SliceOfN(size, 1, 6).Draw(r, "in")
		p := t.dialNarrow(s)
		defer p.Close()
		p.writing.Go(func() {
			for _, n := range out {
				p.write(n)
			}
			p.closeWrite()
		})
		for left, i := total(out), 0; left > 0; i++ {
			n := min(in[i%len(in)], left)
			if err := p.read(n); err != nil {
				r.Fatalf("after %d bytes of %d: %v", p.received, total(out), err)
			}
			left -= n
		}
		if err := p.finish(); err != nil || p.received != int64(total(out)) {
			r.Fatalf("got end %v after %d bytes, want an end of file after %d", err, p.received, total(out))
		}
	})
}

func megabytes(t trial) {
	s := t.serve(engine.Config{})
	const size = 4 << 20
	p := t.dialNarrow(s)
	dice := rand.New(rand.NewPCG(862, 4))
	p.writing.Go(func() {
		for left := size; left > 0; {
			n := min(1+dice.IntN(100_000), left)
			if p.write(n) != nil {
				return
			}
			left -= n
		}
		p.closeWrite()
	})
	p.receive(size)
	p.wantWhole()
}

func lockstep(t trial) {
	s := t.serve(engine.Config{})
	p := t.dial(s)
	for _, n := range slices.Repeat([]int{1, 64, 1, 4096, 1, 64 << 10}, 50) {
		p.echo(n)
	}
	p.halfClose()
	p.wantWhole()
}

func total(sizes []int) (n int) {
	for _, size := range sizes {
		n += size
	}
	return n
}

// endCases test how a stream ends when the client half-closes.
var endCases = []testCase{
	{
		name:    "a client that half-closes after 1 MB receives all of it",
		promise: "S2: a client that half-closes receives everything, then an end of file",
		on:      "tcp tls unix",
		traced:  true,
		run:     halfClose,
	},
	{
		name:    "a half-close while the server is blocked in a write loses nothing",
		promise: "S2: owed bytes are sent before the end of file",
		on:      "tcp tls unix",
		traced:  true,
		run:     finWhileBlocked,
	},
	{
		name:    "a FIN without data is answered by a FIN",
		promise: "S2: a stream without bytes has a clean end",
		on:      "tcp tls unix",
		traced:  true,
		run:     finAtOnce,
	},
	{
		name:    "bytes and FIN in the kernel are delivered after Shutdown",
		promise: "S2: after a stream has finished, the kernel delivers the bytes that it still has",
		on:      "tcp tls unix",
		traced:  true,
		run:     deliveredAfterShutdown,
	},
}

func halfClose(t trial) {
	s := t.serve(engine.Config{})
	p := t.dial(s)
	p.deliver(1 << 20)
	p.receive(1 << 20)
	p.wantWhole()
	t.wantClosed(s.waitIdle(), engine.Finished, 1)
}

func finWhileBlocked(t trial) {
	s := t.serve(engine.Config{})
	p := t.dialNarrow(s)
	p.fill(s.Stats)
	p.halfClose()
	p.wantWhole()
	t.wantClosed(s.waitIdle(), engine.Finished, 1)
}

func finAtOnce(t trial) {
	s := t.serve(engine.Config{})
	p := t.dial(s)
	p.halfClose()
	p.wantWhole()
	t.wantClosed(s.waitIdle(), engine.Finished, 1)
}

func deliveredAfterShutdown(t trial) {
	s := t.serve(engine.Config{})
	p := t.dialNarrow(s)
	p.send(12 << 10)
	p.halfClose()
	s.waitFor("the stream has sent everything", func(st engine.Stats) bool {
		return st.Closes[engine.Finished]+st.Finishing == 1
	})
	if err := s.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown with nothing owed: got %v, want nil", err)
	}
	p.wantWhole()
}

// resetCases test clients that reset.
var resetCases = []testCase{
	{
		name:    "a client that resets during a transfer is counted once",
		promise: "S6, P3, P6: the stream ends, its bytes are counted, no other stream is affected",
		on:      "tcp tls",
		traced:  true,
		run:     resetMidTransfer,
	},
	{
		name:    "a client that closes with unread bytes is counted once",
		promise: "S6, P3, P6: the stream ends, its bytes are counted, no other stream is affected",
		on:      "tcp tls unix",
		traced:  true,
		run:     closeUnread,
	},
	{
		name:    "a reset while bytes are owed counts them as discarded",
		promise: "S6: bytes in = bytes out + bytes discarded",
		on:      "tcp tls",
		traced:  true,
		run:     resetWhileOwed,
	},
}

// resetMidTransfer has clients reset at different points of a transfer.
func resetMidTransfer(t trial) {
	s := t.serve(engine.Config{})
	other := t.dial(s)
	const clients = 20
	for i := range clients {
		p := t.dial(s)
		p.flood(64 << 20)
		p.receive(1 + i*50_000)
		p.abort()
		other.echo(100)
	}
	s.wantLost(other, clients)
}

// closeUnread has clients close without reading, which is a reset.
func closeUnread(t trial) {
	s := t.serve(engine.Config{})
	other := t.dial(s)
	clients := t.stall(s, 10)
	s.waitQuiet()
	for _, p := range clients {
		p.Close()
		other.echo(100)
	}
	s.wantLost(other, len(clients))
}

func resetWhileOwed(t trial) {
	s := t.serve(engine.Config{})
	other := t.dial(s)
	clients := t.stall(s, 10)
	st := s.waitQuiet()
	if st.BytesIn <= st.BytesOut {
		t.Fatalf("bytes: got in %d, out %d, want some owed to clients that do not read", st.BytesIn, st.BytesOut)
	}
	for _, p := range clients {
		p.abort()
	}
	if st = s.wantLost(other, len(clients)); st.Discarded == 0 {
		t.Error("discarded: got 0 bytes, want those that were owed")
	}
}

// wantLost waits until only other is open. It fails the trial unless n peers have ended
// with a reset of theirs, their bytes are counted and other is still served.
func (s *server) wantLost(other *peer, n int) engine.Stats {
	s.t.Helper()
	other.echo(1000)
	st := s.waitBalanced(1)
	s.t.wantClosed(st, engine.PeerReset, uint64(n))
	return st
}

// unixCases test what a unix peer reads when the server ends a stream without owed bytes.
// The kernel cannot reset it: it reports ECONNRESET only to the peer of a socket that is
// closed with unread bytes. The end of file is honest, because the peer has received
// everything that it sent.
var unixCases = []testCase{
	{
		name:    "a unix peer without owed bytes gets an end of file at the idle timeout",
		promise: "S2: a clean end of file means that the peer has received everything; P7: the end is counted as Idle",
		on:      "unix",
		traced:  true,
		run:     idleUnix,
	},
	{
		name:    "a unix peer without owed bytes gets an end of file at the end of a drain",
		promise: "S2: a clean end of file means that the peer has received everything; P5: the end is counted as Drained",
		on:      "unix",
		traced:  true,
		run:     drainedUnix,
	},
}

func idleUnix(t trial) {
	s := t.serve(engine.Config{IdleTimeout: time.Second})
	silent, spoke := t.dial(s), t.dial(s)
	spoke.echo(1000)
	silent.wantWhole()
	spoke.wantWhole()
	t.wantClosed(s.waitIdle(), engine.Idle, 2)
}

func drainedUnix(t trial) {
	s := t.serve(engine.Config{})
	silent, spoke := t.dial(s), t.dial(s)
	spoke.echo(1000)
	s.waitBalanced(2)
	now, cancel := context.WithCancel(context.Background())
	cancel()
	s.Shutdown(now)
	silent.wantWhole()
	spoke.wantWhole()
	t.wantClosed(s.Stats(), engine.Drained, 2)
}

// ruleCases run the rules with which echod checks other servers.
var ruleCases = []testCase{
	{
		name:    "the engine passes every rule of check",
		promise: "S1, S2, S3, U1: an honest echo passes every rule",
		on:      "tcp tls unix udp",
		run:     everyRule,
	},
}

func everyRule(t trial) {
	s := t.serve(engine.Config{})
	target, err := check.ParseTarget(s.spec.String())
	if err != nil {
		t.Fatal(err)
	}
	if t.network == "tls" {
		config, err := clientTLSConfig()
		if err != nil {
			t.Fatal(err)
		}
		target.TLS = config
	}
	report, err := check.Run(context.Background(), target,
		check.Options{Timeout: waitLimit, Bulk: 16 << 20, Stall: 2 * time.Second, Anyway: true})
	if err != nil {
		t.Fatalf("check: %v", err)
	}
	for _, r := range report.Results {
		unasked := r.Verdict == check.Skip && strings.HasPrefix(r.Detail, "needs --")
		if r.Verdict != check.Pass && !unasked {
			t.Errorf("%s: got %v (%s), want pass: %s got %q, want %q; seed %d",
				r.Rule, r.Verdict, r.Class, r.Detail, r.Got, r.Want, report.Options.Seed)
		}
	}
}
