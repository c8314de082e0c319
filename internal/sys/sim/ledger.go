//go:build linux

package sim

import (
	"fmt"
	"sync"

	"echod/internal/sys"
)

// Coverage keeps which calls were made and with which errnos they were made to
// fail, over as many kernels as share it. The zero Coverage is empty; a nil one
// keeps nothing.
type Coverage struct {
	mu    sync.Mutex
	made  [numCalls]int
	taken map[entry]int
}

type entry struct {
	call  Call
	errno sys.Errno
}

func (l *Coverage) record(call Call, errno sys.Errno) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made[call]++
	if errno == 0 {
		return
	}
	if l.taken == nil {
		l.taken = make(map[entry]int)
	}
	l.taken[entry{call, errno}]++
}

// Missing lists every legal errno, of a call that was made at least once, with
// which that call never failed.
func (l *Coverage) Missing() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var missing []string
	for call, errnos := range legal {
		if l.made[call] == 0 {
			continue
		}
		for _, errno := range errnos {
			if l.taken[entry{Call(call), errno}] == 0 {
				missing = append(missing, fmt.Sprintf("%s: %v", Call(call), errno))
			}
		}
	}
	return missing
}

// Count returns how often call was made.
func (l *Coverage) Count(call Call) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.made[call]
}
