//go:build !linux

package load

// drivers are those of this platform: every test of a run is put to each.
var drivers = map[string]func(*course) (driver, error){"net": newNetDriver}
