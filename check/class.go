package check

import "echod/internal/dial"

// Class is how a rule failed, or why its result is inconclusive, in one word that
// programs can rely on. [Classes] says what each means.
type Class = dial.Class

// The classes of network errors, which every echod command uses.
const (
	PrematureEOF = dial.PrematureEOF
	Reset        = dial.Reset
	Timeout      = dial.Timeout
	Corrupt      = dial.Corrupt
	Refused      = dial.Refused
	Unreachable  = dial.Unreachable
	DNS          = dial.DNS
	TLS          = dial.TLS
	Local        = dial.Local
)

// The classes that only check uses.
const (
	Late        Class = "late"
	Silent      Class = "silent"
	Truncated   Class = "truncated"
	ExtraBytes  Class = "extra-bytes"
	Unbounded   Class = "unbounded"
	Answered    Class = "answered"
	WrongSource Class = "wrong-source"
)

// ClassMeaning is a class and what it means.
type ClassMeaning struct {
	Class   Class
	Meaning string
}

// Classes returns all classes, in the order of docs/rules.md.
func Classes() []ClassMeaning {
	return []ClassMeaning{
		{PrematureEOF, "an orderly end while bytes were still owed"},
		{Reset, "the connection was aborted"},
		{Timeout, "what was due did not come in time"},
		{Late, "it came, but not in time"},
		{Silent, "no FIN, no reset, no data"},
		{Corrupt, "other bytes came back than were sent"},
		{Truncated, "a datagram lost its end, or TLS a stream's"},
		{ExtraBytes, "bytes came back that were never sent"},
		{Unbounded, "everything is received although the client reads nothing"},
		{Answered, "a datagram was answered that must not be answered"},
		{WrongSource, "the answer came from another address"},
		{Refused, "nobody listens"},
		{Unreachable, "no route to the target, or the network is down"},
		{DNS, "the name cannot be resolved"},
		{TLS, "the handshake failed"},
		{Local, "this machine lacks a descriptor, memory, a port or a permission"},
	}
}
