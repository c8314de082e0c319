package enginetest

import (
	"math/rand/v2"
	"slices"

	"pgregory.net/rapid"

	"echod/internal/engine"
)

// streamCases try what a stream brings back while all is well.
var streamCases = []testCase{
	{
		name:    "every size through a narrow window",
		promise: "S1, S2: short reads and short writes are invisible",
		on:      "tcp tls unix",
		run:     everySize,
	},
	{
		name:    "megabytes in pieces of any size",
		promise: "S1, S2: short reads and short writes are invisible",
		on:      "tcp tls unix",
		run:     megabytes,
	},
	{
		name:    "a client that waits for each answer gets it",
		promise: "S5: what was received goes back without waiting for more",
		on:      "tcp tls unix",
		run:     lockstep,
	},
}

// everySize sends a few pieces of sizes around those of buffers and windows, and
// receives in pieces of other sizes.
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
	p.fin()
	p.wantWhole()
}

func total(sizes []int) (n int) {
	for _, size := range sizes {
		n += size
	}
	return n
}
