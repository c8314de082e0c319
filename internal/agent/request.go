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

// What a first line can ask for.
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
	scenario string // of RUN
	params   map[string]string
}

func (r request) String() string {
	words := []string{protocol + strconv.Itoa(r.version), r.verb}
	if r.scenario != "" {
		words = append(words, r.scenario)
	}
	for _, key := range slices.Sorted(maps.Keys(r.params)) {
		words = append(words, key+"="+r.params[key])
	}
	return strings.Join(words, " ")
}

// parseRequest reads a first line without its end. The error is a *Refusal. Of
// another version it reads nothing but that.
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
			return request{}, refuse(malformed, "%q is no KEY=VALUE, or there twice", word)
		}
		r.params[key] = value
	}
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

// only refuses parameters that are not among keys: what an agent does not know
// it must not pass over.
func (r request) only(keys ...string) error {
	for _, key := range slices.Sorted(maps.Keys(r.params)) {
		if key != "token" && !slices.Contains(keys, key) {
			return refuse(unknown, "the parameter %s of %s", key, strings.TrimSpace(r.verb+" "+r.scenario))
		}
	}
	return nil
}

// number is the parameter key, a whole number up to most; 0 if it is not there.
func (r request) number(key string, most int64) (int64, error) {
	text, ok := r.params[key]
	if !ok {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, refuse(malformed, "%s=%s is no whole number", key, text)
	}
	if n > most {
		return 0, refuse(overLimit, "%s may be at most %d", key, most)
	}
	return n, nil
}

const maxName = 64

// name is the parameter key, which must be there: a run's ID or a group's.
func (r request) name(key string) (string, error) {
	name := r.params[key]
	if name == "" || len(name) > maxName {
		return "", refuse(malformed, "%s needs %s=NAME of 1 to %d characters", r.verb, key, maxName)
	}
	return name, nil
}

// answer is what the agent sends first on every connection: one line.
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
