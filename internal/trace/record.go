// Package trace records the lives of connections: each call that a program makes on a
// connection, when and with what result, what the kernel holds after it, and why the
// program made it.
//
// A [Recorder] is given the calls in one of two ways. [Recorder.Kernel] wraps the kernel of an
// engine that makes its own system calls: the engine does not know that it is traced, and costs
// nothing more when it is not. A program that uses package net reports its calls itself, to the
// [Life] of the connection.
//
// The reasons are not told by the program. They follow from the calls before (why.go), so the
// same words describe every engine, and a trace that was read from a file.
//
//	record.go    one step of a life, and the header of a file
//	why.go       the reason of a step
//	recorder.go  which connections are traced, and the queue to those that write
//	live.go      the trace of one open connection, while somebody looks
//	kernel.go    a kernel that records the calls made on it
//	text.go      a step as a line of text
//	file.go      a file of steps: writes and reads it
//	kept.go      the first and the last steps of a life, in memory
package trace

import (
	"encoding/json"
	"fmt"
	"time"

	"echod/internal/sys"
)

// Op is what a call does to a connection, whatever the name of the call is.
type Op string

const (
	Accept      Op = "accept"       // the life of a server's connection begins
	Connect     Op = "connect"      // the life of a client's connection begins
	Wait        Op = "wait"         // a poller has reported the connection
	Watch       Op = "watch"        // a poller is told what to report
	Receive     Op = "receive"      // N bytes, 0 at the end of the stream
	Peek        Op = "peek"         // N bytes that stay in the kernel
	Send        Op = "send"         // N bytes of Asked
	Shutdown    Op = "shutdown"     // a FIN follows what was sent
	LingerOff   Op = "linger-off"   // close will end the stream with a FIN
	LingerOn    Op = "linger-on"    // close will reset the connection
	Query       Op = "query"        // N bytes are not acknowledged
	Handshake   Op = "handshake"    // TLS begins
	CloseNotify Op = "close-notify" // TLS: we have finished sending
	Deadline    Op = "deadline"     // receiving and sending are interrupted at a time
	Close       Op = "close"        // the life ends
	Other       Op = "other"        // any other call
	Begin       Op = "begin"        // the trace begins here, and the life began before
	Lost        Op = "lost"         // N steps are missing here: the output was too slow
	Full        Op = "full"         // the file has reached its limit, and ends here
	Omitted     Op = "omitted"      // N steps are not kept: see Kept, LiveConfig
	Found       Op = "found"        // the program found a failure; Why says which
)

// UnixPeer is the Peer of a connection on a unix socket, which has no address. Such a socket has no
// SO_LINGER: its close is a reset to the peer if bytes are unread (unix(7)).
const UnixPeer = "unix"

// Event is a condition that a poller reports or is asked to report.
type Event string

const (
	Readable Event = "readable"
	Writable Event = "writable"
	HangUp   Event = "hang-up"
	Failed   Event = "error"
)

// Record is one step in the life of a connection: a call that has returned.
type Record struct {
	// Time is when the call began, and Took how long it took, in nanoseconds. Time counts
	// from the beginning of the trace.
	Time time.Duration `json:"t_ns"`
	Took time.Duration `json:"took_ns,omitempty"`
	// Conn is the number of the connection, from 1 on; 0 for Lost and Full.
	Conn int `json:"conn,omitempty"`
	// Peer, Engine and FD are in the first record of a connection: the address of the
	// peer, the engine that serves it, and its descriptor, -1 if it is unknown.
	Peer   string `json:"peer,omitempty"`
	Engine string `json:"engine,omitempty"`
	FD     int    `json:"fd,omitempty"`
	// Local and Rule are there, too: the address of this end, and the rule of echod check that
	// made the connection.
	Local string `json:"local,omitempty"`
	Rule  string `json:"rule,omitempty"`

	Op   Op     `json:"op"`
	Call string `json:"call"`           // the name of the call, e.g. "recv" or "Read"
	Args string `json:"args,omitempty"` // its arguments, in the notation of strace(1)
	// N is the result: a number of bytes, a descriptor, a number of events.
	N int `json:"n"`
	// Asked is how many bytes the program asked to receive or to send.
	Asked int `json:"asked,omitempty"`
	// Result is what the call returned beside N, e.g. the events of a wait.
	Result string  `json:"result,omitempty"`
	Events []Event `json:"events,omitempty"` // of Wait and Watch
	Errno  string  `json:"errno,omitempty"`  // e.g. "EAGAIN"; "" if the call succeeded
	// Data is the beginning of the bytes that were received or sent.
	Data []byte `json:"data,omitempty"`
	// Held is what the kernel holds after the call; nil if it is unknown.
	Held *sys.Held `json:"kernel,omitempty"`
	// Why is the reason of the call, or what follows from its result.
	Why string `json:"why,omitempty"`
	// Received and Sent are the bytes of Omitted, and those of Begin that were moved before.
	Received int64 `json:"received,omitempty"`
	Sent     int64 `json:"sent,omitempty"`
}

// Held is what the kernel holds for a socket.
type Held = sys.Held

// UnmarshalJSON reads a record, which may come from anywhere: counts and times that no trace has are an
// error, so that code that works with a record need not expect them.
func (r *Record) UnmarshalJSON(text []byte) error {
	type plain Record
	if err := json.Unmarshal(text, (*plain)(r)); err != nil {
		return err
	}
	held := sys.Held{}
	if r.Held != nil {
		held = *r.Held
	}
	const longest, most = 1 << 60, 1 << 50 // 36 years in nanoseconds; bytes
	for _, count := range []struct {
		name   string
		n, max int64
	}{
		{"t_ns", int64(r.Time), longest}, {"took_ns", int64(r.Took), longest}, {"conn", int64(r.Conn), most}, {"n", int64(r.N), most}, {"asked", int64(r.Asked), most},
		{"received", r.Received, most}, {"sent", r.Sent, most}, {"kernel.arrived", int64(held.Arrived), most},
		{"kernel.unacknowledged", int64(held.Unacknowledged), most}, {"kernel.unsent", int64(held.Unsent), most},
	} {
		if count.n < 0 || count.n > count.max {
			return fmt.Errorf("%s is %d: want a number from 0 to %d", count.name, count.n, count.max)
		}
	}
	return nil
}

// Header is the first line of a file.
type Header struct {
	Format string `json:"format"` // Format
	// Program is what was traced, e.g. "echod serve".
	Program string `json:"program"`
	// Side is "server" or "client".
	Side Side `json:"side"`
	// Start is the time of day at which Time is 0.
	Start time.Time `json:"start"`
}

// Format is the name and the version of the format of a file. A reader of version 1 must
// ignore fields that it does not know.
const Format = "echod-trace/1"

// Side is which end of its connections a program is.
type Side string

const (
	Server Side = "server" // it sends back what it receives
	Client Side = "client" // it receives what it has sent
)
