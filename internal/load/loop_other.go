//go:build !linux

package load

func newDriver(r *run) (driver, error) { return newNetDriver(r) }
