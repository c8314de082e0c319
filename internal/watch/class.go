package watch

import (
	"slices"

	"echod/internal/dial"
	"echod/internal/ping"
)

// Other is the class of a probe that was lost for no reason that has a name.
const Other dial.Class = "other"

// Classes are all that a lost probe can be of.
func Classes() []dial.Class {
	return []dial.Class{dial.Timeout, dial.Refused, dial.Reset, dial.PrematureEOF, dial.Unreachable, dial.DNS, dial.TLS, dial.Local, dial.Corrupt, Other}
}

// classOf is one of Classes.
func classOf(p ping.Probe) dial.Class {
	if slices.Contains(Classes(), p.Class) {
		return p.Class
	}
	return Other
}
