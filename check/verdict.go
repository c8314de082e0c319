package check

import "echod/internal/dial"

// Verdict is what came of one rule, or of all of them.
type Verdict string

const (
	Pass  Verdict = "pass"
	Fail  Verdict = "fail"
	Skip  Verdict = "skip"  // the rule cannot be put to this target; the detail says why
	Error Verdict = "error" // it could not be told
)

// Class is how something failed, in one word that programs can rely on.
type Class = dial.Class

const (
	PrematureEOF Class = "premature-eof" // a clean end with bytes still owed
	Reset        Class = "reset"         // the connection was aborted
	Timeout      Class = "timeout"       // what was due did not come in time
	Late         Class = "late"          // it came, but not in time
	Silent       Class = "silent"        // no FIN, no reset, no data
	Corrupt      Class = "corrupt"       // other bytes came back than were sent
	Truncated    Class = "truncated"     // a datagram lost its end, or TLS a stream's
	ExtraBytes   Class = "extra-bytes"   // bytes came back that were never sent
	Unbounded    Class = "unbounded"     // everything is taken in and nothing need be read
	Answered     Class = "answered"      // what must not be answered was
	WrongSource  Class = "wrong-source"  // the answer came from another address
	Refused      Class = "refused"       // nobody listens
	Unreachable  Class = "unreachable"   // no way there
	DNS          Class = "dns"           // the name means nothing
	TLS          Class = "tls"           // the handshake failed
	Local        Class = "local"         // this machine could not do its part
)
