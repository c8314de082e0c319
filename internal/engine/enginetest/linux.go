//go:build linux

package enginetest

import "slices"

// linuxCases cause their faults in ways that only Linux has.
var linuxCases = slices.Concat(killCases, shortageCases, baselineCases, scaleCases, wireCases, socketCases, destroyedCases,
	forgedCases, linkCases)
