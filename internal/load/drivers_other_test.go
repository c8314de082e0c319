//go:build !linux

package load

// drivers are those of this platform: every test of a run uses each of them.
var drivers = map[string]func(*run) (driver, error){"net": newNetDriver}
