// Package usage holds the error of a caller's mistake: a wrong flag, address or
// setting. It is found before anything was started.
package usage

// Error says what is wrong and what is valid. cli exits with code 2 for it.
type Error struct {
	Got  string // what is wrong, e.g. `--conns: invalid value "x"`
	Want string // what is valid, e.g. "want a number from 1 to 20000"
}

func (e *Error) Error() string { return e.Got + ": " + e.Want }

// New returns an *Error.
func New(got, want string) error { return &Error{got, want} }
