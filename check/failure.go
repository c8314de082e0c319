package check

import (
	"errors"
	"fmt"
)

// failure is what a rule returns when the target broke it.
type failure struct {
	class     Class
	offset    int64 // the first bad byte of what came back; -1 if there is none
	got, want string
	detail    string // one plain sentence without its full stop
	cause     error  // what the kernel said, where that tells more than the class
}

func (f *failure) Error() string { return string(f.class) + ": " + f.detail }
func (f *failure) Unwrap() error { return f.cause }

// fail is a failure that is not about one byte.
func fail(class Class, format string, args ...any) *failure {
	return &failure{class: class, offset: -1, detail: fmt.Sprintf(format, args...)}
}

// failAt is a failure that shows at one byte.
func failAt(offset int64, class Class, format string, args ...any) *failure {
	return &failure{class: class, offset: offset, detail: fmt.Sprintf(format, args...)}
}

// mayBeHaste reports whether err, a failure or not, is one of time: only those can
// come from a machine or a server that was busy with something else.
func mayBeHaste(err error) bool {
	var f *failure
	if errors.As(err, &f) {
		return f.class == Timeout || f.class == Silent || f.class == Late
	}
	return classify(err) == Timeout
}

// skipped is what a rule returns when it cannot be put to the target: the
// reason.
type skipped string

func (s skipped) Error() string { return string(s) }
