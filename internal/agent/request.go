package agent

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Version is the protocol's. It changes when a client that knows only the old
// one would misunderstand; a scenario or a parameter more does not change it.
const Version = 1

// MaxLine is the longest first line, its end included, in bytes.
const MaxLine = 1 << 10

const protocol = "echod-agent/"

// The verbs: what a first line can ask for.
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
// Words are of visible ASCII characters, with one space between two of them.
type request struct {
	version  int
	verb     string
	scenario string            // of RUN
	token    Secret            // the parameter token
	params   map[string]string // all others
}

// line is r as it is sent, with the token and without the line's end.
func (r request) line() string {
	words := []string{protocol + strconv.Itoa(r.version), r.verb}
	if r.scenario != "" {
		words = append(words, r.scenario)
	}
	for _, key := range slices.Sorted(maps.Keys(r.params)) {
		words = append(words, key+"="+r.params[key])
	}
	if !r.token.IsZero() {
		words = append(words, "token="+r.token.reveal())
	}
	return strings.Join(words, " ")
}

// parseRequest reads a first line without its end. Of another version it reads
// nothing but that. The error is a *Refusal, whose text holds nothing of the line:
// whoever sent it has not been authenticated yet, and the token may be anywhere in
// it.
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
			return request{}, refuse(malformed, "words are of visible ASCII characters, with one space between two")
		}
	}
	r := request{version: version, params: make(map[string]string)}
	if len(words) < 2 {
		return request{}, refuse(malformed, "nothing is asked for")
	}
	r.verb, words = words[1], words[2:]
	if len(words) > 0 && !strings.Contains(words[0], "=") {
		r.scenario, words = words[0], words[1:]
	}
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		if _, twice := r.params[key]; !ok || key == "" || twice {
			return request{}, refuse(malformed, "parameters are KEY=VALUE, each key once")
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
		return 0, refuse(malformed, "a first line begins with %s%d", protocol, Version)
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

// only refuses parameters that are not among keys: an agent must not ignore what
// it does not know.
func (r request) only(keys ...string) error {
	for _, key := range slices.Sorted(maps.Keys(r.params)) {
		if !slices.Contains(keys, key) {
			return refuse(unknown, "the parameter %s of %s", r.quote(key), strings.TrimSpace(r.verb+" "+r.scenario))
		}
	}
	return nil
}

// maxQuoted is how much of a word an answer repeats, in bytes.
const maxQuoted = 64

// quote is a word of the request as an answer may repeat it: short, and redacted
// if the token is in it.
func (r request) quote(word string) string {
	switch {
	case r.token.within(word):
		return redacted
	case len(word) > maxQuoted:
		return word[:maxQuoted] + "..."
	}
	return word
}

// number is the parameter key, a whole number up to most; 0 if it is omitted.
func (r request) number(key string, most int64) (int64, error) {
	text, ok := r.params[key]
	if !ok {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, refuse(malformed, "%s must be a whole number, 0 or more", key)
	}
	if n > most {
		return 0, refuse(overLimit, "%s may be at most %d", key, most)
	}
	return n, nil
}

const maxName = 64

// name is the parameter key, which is required: the name of a run or of a group.
func (r request) name(key string) (string, error) {
	name := r.params[key]
	if name == "" || len(name) > maxName {
		return "", refuse(malformed, "%s needs %s=NAME of 1 to %d characters", r.verb, key, maxName)
	}
	if r.token.namedBy(name) {
		return "", refuse(malformed, "%s must not contain the token", key) // reports repeat it
	}
	return name, nil
}

// answerOK is the line that the agent sends first on a connection that it does
// not refuse.
func answerOK(body []byte) []byte {
	line := fmt.Appendf(nil, "%s%d ok", protocol, Version)
	if len(body) > 0 {
		line = append(append(line, ' '), body...)
	}
	return append(line, '\n')
}

func answerRefusal(r *Refusal) []byte {
	return fmt.Appendf(nil, "%s%d error %s %s\n", protocol, Version, r.Kind, r.Text)
}
