//go:build !linux

package sandbox

import "errors"

var errNotLinux = errors.New("the sandbox needs Linux")

func supported() error { return errNotLinux }

func enter(Needs) State { return State{Missing: errNotLinux} }
