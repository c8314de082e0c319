//go:build !amd64 && !arm64

package sandbox

import "errors"

// errNoFilter: the filter is measured on amd64 and arm64. On 386, socketcall(2) has all
// calls on sockets, and a filter cannot see which.
var errNoFilter = errors.New("the seccomp filter is for amd64 and arm64")

func seccompSupported() error { return errNoFilter }

func filterCalls(Needs) error { return errNoFilter }
