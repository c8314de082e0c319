package agent

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"regexp"
	"strings"
)

const maxToken = 256

// ValidToken reports whether token can be sent on a first line: 1 to 256 visible
// ASCII characters, no space.
func ValidToken(token string) error {
	if token == "" || len(token) > maxToken {
		return errors.New("a token has 1 to 256 characters")
	}
	for _, b := range []byte(token) {
		if b <= ' ' || b > '~' {
			return errors.New("a token has visible ASCII characters only, and no space")
		}
	}
	return nil
}

// Secret is a token. It is never shown: formatted, logged or
// marshaled it is "[redacted]". The text is behind a pointer because fmt calls no
// methods of unexported fields, nor for %#v: there it shows an address. The zero
// value is no token.
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

// reveal returns the text, to be sent to an agent and for nothing else.
func (s Secret) reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Equal compares in a time that depends neither on the length of s nor on how
// much of got is right.
func (s Secret) Equal(got Secret) bool {
	a, b := sha256.Sum256([]byte(got.reveal())), sha256.Sum256([]byte(s.reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// within reports whether text contains s.
func (s Secret) within(text string) bool { return !s.IsZero() && strings.Contains(text, *s.text) }

// minUnguessable is the length from which a text that contains the token does not
// do so by chance. A random ID may well contain a token of one character.
const minUnguessable = 8

// namedBy reports whether a name gives s away: it is s, or contains it otherwise
// than by chance.
func (s Secret) namedBy(name string) bool {
	return s.within(name) && (len(name) == len(*s.text) || len(*s.text) >= minUnguessable)
}

var tokenParameter = regexp.MustCompile(`token=\S*`)

// hide redacts s in a line that a peer sent: whatever follows "token=", and s
// itself where it is too long to occur by chance.
func (s Secret) hide(line string) string {
	line = tokenParameter.ReplaceAllLiteralString(line, "token="+redacted)
	if len(s.reveal()) >= minUnguessable {
		line = strings.ReplaceAll(line, *s.text, redacted)
	}
	return line
}
