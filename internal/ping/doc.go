// Package ping asks one echo service again and again, and tells of each answer:
// how long it took, and what was wrong with it. It counts round trips and never
// halves of them: one clock cannot tell how long the way there takes.
//
// What a probe's bytes are is in payload.go, what becomes of the probes under way
// in book.go and stream.go, both without I/O; prober.go is the loop around them.
package ping
