package load

import (
	"echod/internal/poll"
	"echod/internal/sys"
)

// drivers are those of this platform: every test of a run is put to each.
var drivers = map[string]func(*course) (driver, error){"net": newNetDriver,
	"loop": func(c *course) (driver, error) { return newLoop(c, &sys.Linux{}, poll.NewEpoll) }}
