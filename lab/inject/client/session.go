// Package client has clients that check every byte that they receive, and never wait
// longer than a timeout.
package client

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// Session is one conversation with the program under test. Its methods must not be called
// again after an outcome that is Over.
type Session interface {
	// Step sends a message and waits for the answer. If the last outcome was Waiting, it
	// sends nothing and waits again.
	Step(wait time.Duration) Outcome
	// Finish half-closes the connection and waits for everything that is missing.
	Finish(wait time.Duration) Outcome
	Close()
}

// Result is the result of a step.
type Result int

// The results, from the best to the worst.
const (
	Done    Result = iota // everything was received
	Waiting               // something is missing
	Reset                 // the connection returned an error
	Early                 // a clean end before everything was received
	Wrong                 // a byte is wrong
)

// Outcome is a result with a description.
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

// Over reports whether the conversation has ended.
func (o Outcome) Over() bool { return o.Result >= Reset }

// of returns the outcome for an error of a connection.
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

// halfCloser is a connection that can be half-closed.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// pattern returns the byte at offset of the stream with key. A lost or duplicated byte, or
// one of another stream, changes it.
func pattern(key uint32, offset int64) byte {
	x := uint64(offset)*0x9e3779b97f4a7c15 + uint64(key)*0xbf58476d1ce4e5b9
	return byte(x >> 56)
}

func fill(p []byte, key uint32, offset int64) {
	for i := range p {
		p[i] = pattern(key, offset+int64(i))
	}
}

// compare returns Wrong at the first byte of p that differs from the pattern.
func compare(p []byte, key uint32, offset int64) Outcome {
	for i, got := range p {
		if want := pattern(key, offset+int64(i)); got != want {
			return Outcome{Wrong, fmt.Sprintf("byte %d is %#02x, want %#02x", offset+int64(i), got, want)}
		}
	}
	return Outcome{}
}
