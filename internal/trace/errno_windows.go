package trace

import "syscall"

// errnoName returns the text of an error number: package syscall has no names here.
func errnoName(number syscall.Errno) string {
	if number == 0 {
		return ""
	}
	return number.Error()
}
