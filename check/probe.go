package check

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"time"
)

// probe is what a rule is given: whom to ask, with which options, and a place
// for what is worth telling although nothing is wrong.
type probe struct {
	ctx    context.Context
	rule   string
	target Target
	Options
	noted string
}

// note keeps what a passing rule found out, for the report's detail.
func (p *probe) note(format string, args ...any) { p.noted = fmt.Sprintf(format, args...) }

// payload is the endless, incompressible stream of bytes that connection number
// conn of this rule sends. It is the same each time it is asked for, so what
// comes back is compared with a second one instead of with a copy.
func (p *probe) payload(conn int) io.Reader { return payload(p.Seed, p.rule, conn) }

func payload(seed uint64, rule string, conn int) io.Reader {
	name := fnv.New64a()
	name.Write([]byte(rule))
	var key [32]byte
	binary.LittleEndian.PutUint64(key[0:], seed)
	binary.LittleEndian.PutUint64(key[8:], name.Sum64())
	binary.LittleEndian.PutUint64(key[16:], uint64(conn))
	return rand.NewChaCha8(key)
}

// take returns the next n bytes of r, or what is left of it.
func take(r io.Reader, n int) []byte {
	b := make([]byte, n)
	n, _ = io.ReadFull(r, b)
	return b[:n]
}

// pause waits d, or less if the check is called off.
func (p *probe) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-p.ctx.Done():
	}
}
