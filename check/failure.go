package check

import (
	"errors"
	"fmt"
	"time"

	"echod/internal/dial"
)

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
	TooLong      = dial.TooLong
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
		{Truncated, "the end is missing: of a datagram, or of a stream with TLS"},
		{ExtraBytes, "bytes came back that were never sent"},
		{Unbounded, "everything is received although the client reads nothing"},
		{Answered, "a datagram was answered that must not be answered"},
		{WrongSource, "the answer came from another address"},
		{Refused, "nothing listens"},
		{Unreachable, "no route to the target, or the network is down"},
		{DNS, "the name cannot be resolved"},
		{TLS, "the handshake failed"},
		{Local, "this machine lacks a descriptor, memory, a port or a permission"},
		{TooLong, "a datagram is longer than the path takes, as far as the kernel of this machine knows"},
	}
}

// classify returns the class of an error of package net; "" if it has none.
func classify(err error) Class { return dial.Classify(err) }

// failure is the error of a rule that the target broke.
type failure struct {
	class     Class
	offset    int64 // of the first wrong byte that came back; -1 if there is none
	got, want string
	detail    string // one plain sentence without a full stop
	cause     error  // the error of the kernel, where it says more than the class
	evidence  Evidence
	size      int64     // how many bytes had been sent and were due together; 0 if it is not about bytes
	received  []byte    // what came back, from the first wrong byte on; nil if no byte was wrong
	due       []byte    // what should have come back there
	decided   bool      // it was found before the context ended; only what says more about it was not
	at        time.Time // when it was found: a rule may then wait for its other connections
	found     string    // what checkBytes found: detail ends with it
	on        *stream   // the connection that it is about; nil if it is not about one
	steps     []Step    // of that connection, until it was found
}

// about returns err as a failure of a message or an amount of n bytes, if it is one.
func about(n int64, err error) error {
	if f, ok := errors.AsType[*failure](err); ok {
		f.size = n
	}
	return err
}

// isDecided reports whether err is a failure that stands if the time of its rule ends.
func isDecided(err error) bool {
	f, ok := errors.AsType[*failure](err)
	return ok && f.decided
}

func (f *failure) Error() string { return string(f.class) + ": " + f.detail }
func (f *failure) Unwrap() error { return f.cause }

// fail returns a failure that is not about one byte.
func fail(class Class, format string, args ...any) *failure {
	return failAt(-1, class, format, args...)
}

// failAt returns a failure at one byte.
func failAt(offset int64, class Class, format string, args ...any) *failure {
	return &failure{class: class, offset: offset, detail: fmt.Sprintf(format, args...), at: time.Now()}
}

// inCase returns err with the name of the case of a rule that it is about.
func inCase(name string, err error) error {
	var f *failure
	var skip skipped
	switch {
	case errors.As(err, &skip):
		return err
	case !errors.As(err, &f):
		return fmt.Errorf("%s: %w", name, err)
	}
	f.detail = name + ": " + f.detail
	return f
}

// isTimeout reports whether err, a failure or not, is a timeout. A busy machine or
// server can cause a timeout, but no other error.
func isTimeout(err error) bool {
	var f *failure
	if errors.As(err, &f) {
		return f.class == Timeout || f.class == Silent || f.class == Late
	}
	return classify(err) == Timeout
}

// isRefused reports whether err says that a connection could not be used at all: it was
// refused, or ended before anything came back. A limit on connections causes that when many
// rules run at once.
func isRefused(err error) bool {
	if f, ok := errors.AsType[*failure](err); ok {
		return f.offset == 0 && (f.class == Reset || f.class == PrematureEOF)
	}
	return classify(err) == Refused || classify(err) == Reset
}

// isWrong reports whether err says that wrong bytes came back. No limit on connections causes that.
func isWrong(err error) bool {
	f, ok := errors.AsType[*failure](err)
	return ok && f.received != nil
}

// broken reports whether a connection was not made, or did not end as it should.
func broken(class Class) bool { return class == Refused || class == Reset || class == PrematureEOF }

// skipped is the error of a rule that cannot run on the target: the reason.
type skipped string

func (s skipped) Error() string { return string(s) }

// skippedFor is skipped because of a failure that is not the rule's own. If that is a timeout,
// the rule runs again alone like one that has timed out.
type skippedFor struct {
	skipped
	cause error
}

func (s skippedFor) Unwrap() []error { return []error{s.skipped, s.cause} }

// skipBecause returns a skipped error with the reason err.
func skipBecause(err error) error { return skipped(plainText(err)) }
