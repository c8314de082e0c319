//go:build !linux

package load

func newDriver(c *course) (driver, error) { return newNetDriver(c) }
