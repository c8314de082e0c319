package agent

import (
	"fmt"
)

// Kind is why an agent does not do what it is asked for, in one word that
// programs can rely on.
type Kind string

const (
	malformed   Kind = "malformed"    // not a first line of this protocol
	badVersion  Kind = "version"      // another version of the protocol
	unknown     Kind = "unknown"      // a verb, a scenario or a parameter of a later agent
	tokenNeeded Kind = "token-needed" // the agent asks for a token
	tokenWrong  Kind = "token-wrong"  // it asks for another one
	overLimit   Kind = "limit"        // more than this agent allows
	busy        Kind = "busy"         // too many at once
	badSource   Kind = "source"       // a datagram from an address that this agent does not send to
	badID       Kind = "id"           // a run that is not known, or an ID that is used already
)

// Refusal is the agent's answer to a request that it does not carry out. Its Error
// is written for the client's side. Text repeats nothing of a request before its
// token was found right, and never the token.
type Refusal struct {
	Kind    Kind
	Text    string
	version int // the agent's; 0 if this is the agent's side
}

func refuse(kind Kind, format string, args ...any) *Refusal {
	return &Refusal{Kind: kind, Text: fmt.Sprintf(format, args...)}
}

func (r *Refusal) Error() string {
	switch r.Kind {
	case badVersion:
		if r.version > Version {
			return "the agent is newer: " + r.Text
		}
		return "the agent is older: " + r.Text
	case unknown:
		return "the agent is older: it does not know " + r.Text
	case tokenNeeded:
		return "the agent asks for a token"
	case tokenWrong:
		return "the agent asks for another token"
	case overLimit:
		return "the agent does not allow it: " + r.Text
	case badSource:
		return "the agent does not answer there: " + r.Text
	case busy:
		return "the agent is busy: " + r.Text
	}
	return "the agent refuses: " + r.Text
}

// Permanent reports whether asking again cannot help: this agent does not do it.
func (r *Refusal) Permanent() bool {
	switch r.Kind {
	case badVersion, unknown, tokenNeeded, tokenWrong, overLimit, badSource:
		return true
	}
	return false
}
