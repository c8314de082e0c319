//go:build !linux

package sock

import (
	"context"
	"errors"
	"net"
	"os"
)

// ListenUnix binds the unix socket s for package net. The Spec returned removes the
// file: the listener does not. On an error nothing is left.
func ListenUnix(s Spec, o Options) (*net.UnixListener, Spec, error) {
	place, err := TakeUnix(s.Path)
	if err != nil {
		return nil, s, &ListenError{s, err}
	}
	defer place.Leave()
	config := net.ListenConfig{Control: Control(s, o)}
	ln, err := config.Listen(context.Background(), "unix", s.Path)
	if err != nil {
		place.Failed(err)
		if call, ok := errors.AsType[*os.SyscallError](err); ok {
			err = call
		}
		return nil, s, &ListenError{s, err}
	}
	listener := ln.(*net.UnixListener)
	// Go would remove whatever bears the name by then, be it ours or not.
	listener.SetUnlinkOnClose(false)
	bound := s
	if bound.File, err = place.Bound(); err != nil {
		ln.Close()
		return nil, s, &ListenError{s, err}
	}
	return listener, bound, nil
}
