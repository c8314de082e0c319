package agent

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
)

const maxToken = 256

// ValidToken tells whether token can stand on a first line: 1 to 256 visible
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

// sameToken compares in a time that tells neither the length of what was wanted
// nor how much of it was right.
func sameToken(got, want string) bool {
	a, b := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}
