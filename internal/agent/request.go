package agent

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	// Version is the version of the protocol. It changes when a client that knows only
	// the old version would misunderstand the agent. A new scenario or parameter does
	// not change it.
	Version = 1

	// MaxLine is the longest first line in bytes, with its end.
	MaxLine = 1 << 10

	protocol = "echod-agent/"
)

// The verbs of a request.
const (
	verbHello  = "HELLO"
	verbRun    = "RUN"
	verbReport = "REPORT"
	verbCount  = "COUNT"
)

// request is the first line of a connection:
//
//	echod-agent/1 VERB [SCENARIO] [KEY=VALUE]…
//
// Words consist of visible ASCII characters. One space separates two words.
type request struct {
	version  int
	verb     string
	scenario string            // of RUN
	token    Secret            // the parameter token
	params   map[string]string // all other parameters
}

// line returns the line to send, with the token and without the end of the line.
func (r request) line() string {
	words := []string{protocol + strconv.Itoa(r.version), r.verb}
	if r.scenario != "" {
		words = append(words, r.scenario)
	}
	for _, key := range slices.Sorted(maps.Keys(r.params)) {
		words = append(words, key+"="+r.params[key])
	}
	if !r.token.IsZero() {
		words = append(words, "token="+r.token.Reveal())
	}
	return strings.Join(words, " ")
}

// parseRequest parses a first line without its end. If the line has another version,
// it parses nothing else. The error is a *Refusal. Its text repeats nothing of the line:
// the client is not authenticated yet, and the token may be anywhere in the line.
func parseRequest(line string) (request, error) {
	words := strings.Split(line, " ")
	version, err := parseVersion(words[0])
	if err != nil {
		return request{}, err
	}
	if version != Version {
		return request{}, refuse(badVersion, "this agent speaks %s%d", protocol, Version)
	}
	for _, word := range words {
		if !isWord(word) {
			return request{}, refuse(malformed, "want words of visible ASCII characters with one space between two")
		}
	}
	r := request{version: version, params: make(map[string]string)}
	if len(words) < 2 {
		return request{}, refuse(malformed, "no verb: want HELLO, RUN, REPORT or COUNT")
	}
	r.verb, words = words[1], words[2:]
	if len(words) > 0 && !strings.Contains(words[0], "=") {
		r.scenario, words = words[0], words[1:]
	}
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		if _, twice := r.params[key]; !ok || key == "" || twice {
			return request{}, refuse(malformed, "want parameters as KEY=VALUE, each key once")
		}
		r.params[key] = value
	}
	r.token = NewSecret(r.params["token"])
	delete(r.params, "token")
	return r, nil
}

func parseVersion(word string) (int, error) {
	digits, ok := strings.CutPrefix(word, protocol)
	version, err := strconv.ParseUint(digits, 10, 16)
	if !ok || err != nil {
		return 0, refuse(malformed, "want a first line that starts with %s%d", protocol, Version)
	}
	return int(version), nil
}

func isWord(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// allowOnly refuses a request with other parameters than keys. An agent must not ignore
// a parameter that it does not know.
func (r request) allowOnly(keys ...string) error {
	for _, key := range slices.Sorted(maps.Keys(r.params)) {
		if !slices.Contains(keys, key) {
			return refuse(unknown, "the parameter %s of %s", r.quote(key), strings.TrimSpace(r.verb+" "+r.scenario))
		}
	}
	return nil
}

// maxQuoted is how many bytes of a word an answer repeats.
const maxQuoted = 64

// quote returns a word of the request for an answer. It truncates a long word, and
// redacts a word that contains the token.
func (r request) quote(word string) string {
	switch {
	case r.token.within(word):
		return redacted
	case len(word) > maxQuoted:
		return word[:maxQuoted] + "..."
	}
	return word
}

// number returns the parameter key, a whole number from 0 to limit. It returns 0 if the
// parameter is omitted.
func (r request) number(key string, limit int64) (int64, error) {
	text, ok := r.params[key]
	if !ok {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, refuse(malformed, "%s must be a whole number, 0 or more", key)
	}
	if n > limit {
		return 0, refuse(overLimit, "%s may be at most %d", key, limit)
	}
	return n, nil
}

const maxName = 64

// name returns the required parameter key: the ID of a run, or the name of a group.
func (r request) name(key string) (string, error) {
	name := r.params[key]
	if name == "" || len(name) > maxName {
		return "", refuse(malformed, "%s needs %s=NAME of 1 to %d characters", r.verb, key, maxName)
	}
	if r.token.namedBy(name) {
		return "", refuse(malformed, "%s must not contain the token", key) // reports contain the ID
	}
	return name, nil
}

// okLine returns the first line of an answer that is not a refusal.
func okLine(body []byte) []byte {
	line := fmt.Appendf(nil, "%s%d ok", protocol, Version)
	if len(body) > 0 {
		line = append(append(line, ' '), body...)
	}
	return append(line, '\n')
}

func refusalLine(r *Refusal) []byte {
	return fmt.Appendf(nil, "%s%d error %s %s\n", protocol, Version, r.Kind, r.Text)
}

// Kind is the reason for a refusal, as a word for programs.
type Kind string

const (
	malformed   Kind = "malformed"    // not a first line of this protocol
	badVersion  Kind = "version"      // another version of the protocol
	unknown     Kind = "unknown"      // an unknown verb, scenario or parameter: the client is newer
	tokenNeeded Kind = "token-needed" // the request has no token
	tokenWrong  Kind = "token-wrong"  // the request has another token
	overLimit   Kind = "limit"        // more than a limit of this agent
	busy        Kind = "busy"         // too many scenarios or waits
	badSource   Kind = "source"       // a datagram from an address that this agent does not send to
	badID       Kind = "id"           // an unknown run, or an ID that exists already
)

// Refusal is an agent's answer to a request that it refuses. Its Error is written for
// the user of the client. Text repeats nothing of a request that is not authenticated,
// and never the token.
type Refusal struct {
	Kind    Kind
	Text    string
	version int // of the agent; 0 in the agent itself
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
		return "the agent needs a token"
	case tokenWrong:
		return "the token is wrong"
	case overLimit:
		return "the agent does not allow it: " + r.Text
	case badSource:
		return "the agent does not answer there: " + r.Text
	case busy:
		return "the agent is busy: " + r.Text
	}
	return "the agent refuses: " + r.Text
}

// Permanent reports whether a retry cannot succeed.
func (r *Refusal) Permanent() bool {
	switch r.Kind {
	case badVersion, unknown, tokenNeeded, tokenWrong, overLimit, badSource:
		return true
	}
	return false
}
