package client

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// Session is one conversation with the program under test. Each call says what
// came of it, and is not repeated after an outcome that is Over.
type Session interface {
	// Step sends a message and waits for what is due because of it. After
	// Waiting, another Step sends no more, and goes on waiting.
	Step(wait time.Duration) Outcome
	// Finish ends the conversation in order and waits for all that is due.
	Finish(wait time.Duration) Outcome
	Close()
}

// Result is what came of a step.
type Result int

// The results, from the best to the worst.
const (
	Done    Result = iota // all that was due has come
	Waiting               // not all of it has come yet
	Reset                 // the connection is broken, and says so
	Early                 // a clean end came before all that was due
	Wrong                 // a byte is not the one that is due
)

// Outcome is a result and, in words, where it came about.
type Outcome struct {
	Result Result
	Text   string
}

func (o Outcome) String() string {
	name := [...]string{"done", "waiting", "reset", "early end", "wrong byte"}[o.Result]
	if o.Text == "" {
		return name
	}
	return name + ": " + o.Text
}

// Over reports whether nothing more can come.
func (o Outcome) Over() bool { return o.Result >= Reset }

// of makes an outcome of an error that a connection returned.
func of(err error) Outcome {
	switch {
	case err == nil:
		return Outcome{}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Outcome{Waiting, ""}
	case errors.Is(err, io.EOF):
		return Outcome{Early, "end of file"}
	}
	return Outcome{Reset, err.Error()}
}

// halfCloser is a connection whose two directions end by themselves.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// pattern is the byte at offset of the stream with key: one that is lost, doubled
// or of another stream does not fit.
func pattern(key uint32, offset int64) byte {
	x := uint64(offset)*0x9e3779b97f4a7c15 + uint64(key)*0xbf58476d1ce4e5b9
	return byte(x >> 56)
}

func fill(p []byte, key uint32, offset int64) {
	for i := range p {
		p[i] = pattern(key, offset+int64(i))
	}
}

// compare returns Wrong at the first byte of p that is not the pattern's.
func compare(p []byte, key uint32, offset int64) Outcome {
	for i, got := range p {
		if want := pattern(key, offset+int64(i)); got != want {
			return Outcome{Wrong, fmt.Sprintf("byte %d is %#02x, want %#02x", offset+int64(i), got, want)}
		}
	}
	return Outcome{}
}
