package agent

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"regexp"
	"strings"

	"echod/internal/usage"
)

const maxToken = 256

// CheckToken returns an error if token cannot be sent on a first line. The error does
// not contain the token.
func CheckToken(token string) error {
	if !isWord(token) || len(token) > maxToken {
		return usage.New("invalid token", "want 1 to 256 visible ASCII characters without a space")
	}
	return nil
}

// Secret is a token. Formatted, logged or marshaled it is "[redacted]". The text is
// behind a pointer because fmt calls no methods of unexported fields, and none for %#v:
// there it prints the pointer. The zero value is no token.
type Secret struct{ text *string }

// NewSecret returns text as a Secret; "" is no token.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

const redacted = "[redacted]"

func (s Secret) String() string { return redacted }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler, which JSON uses as well.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// IsZero reports whether s is no token.
func (s Secret) IsZero() bool { return s.text == nil }

// Reveal returns the text, "" if s is no token. It is only for sending it to the peer that asks
// for it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Equal compares in a time that does not depend on the length of s, nor on how many
// characters of got are correct.
func (s Secret) Equal(got Secret) bool {
	a, b := sha256.Sum256([]byte(got.Reveal())), sha256.Sum256([]byte(s.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// within reports whether text contains s.
func (s Secret) within(text string) bool { return !s.IsZero() && strings.Contains(text, *s.text) }

// minUnguessable is the shortest length of a token that a text does not contain by
// chance. A random ID can contain a token of one character.
const minUnguessable = 8

// namedBy reports whether a name reveals s: it is s, or contains it and not by chance.
func (s Secret) namedBy(name string) bool {
	return s.within(name) && (len(name) == len(*s.text) || len(*s.text) >= minUnguessable)
}

var tokenParameter = regexp.MustCompile(`token=\S*`)

// redact redacts s in a line from a peer: what follows "token=", and s itself if it is
// too long to occur by chance.
func (s Secret) redact(line string) string {
	line = tokenParameter.ReplaceAllLiteralString(line, "token="+redacted)
	if len(s.Reveal()) >= minUnguessable {
		line = strings.ReplaceAll(line, *s.text, redacted)
	}
	return line
}
