//go:build !linux

package sandbox

func supported() error { return errNotLinux }

func enter(Needs) State { return State{Missing: errNotLinux} }
