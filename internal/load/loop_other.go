//go:build !linux

package load

func newDriver(r *run) (driver, error) { return newNetDriver(r) }

// usesGoroutines reports whether the driver is that on package net.
func (p Plan) usesGoroutines() bool { return true }
