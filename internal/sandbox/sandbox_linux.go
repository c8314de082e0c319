package sandbox

import "time"

// supported returns why a part cannot be enforced, nil if both can.
func supported() error { return missing(seccompSupported(), landlockSupported()) }

// enter enforces as much as this kernel can. Landlock is first: the filter allows none of
// its calls.
func enter(needs Needs) State {
	// The runtime reads the time zone when a time is first formatted.
	_, _ = time.Now().Zone()
	version, noLandlock := restrictFiles(needs)
	noSeccomp := filterCalls(needs)
	return State{Seccomp: noSeccomp == nil, Landlock: version, Missing: missing(noSeccomp, noLandlock)}
}
