//go:build linux

package sim

import (
	"slices"
	"time"
)

// orphan is a closed end whose peer has not taken everything yet. The kernel probes it a
// few times and then gives up on it (tcp(7), tcp_orphan_retries; tcp_probe_timer in
// net/ipv4/tcp_timer.c).
type orphan struct {
	end   *tcp
	left  int   // of end.out
	until int64 // when the kernel gives up, unless the peer takes some of it
}

const (
	orphanLife = 3 * time.Minute // at least: it depends on the round-trip time
	// smallestWindow is what the window of any peer has room for at the start, in bytes
	// (tcp(7), tcp_rmem). A [Peer] here may have less; a stream that has sent less than
	// this is delivered all the same.
	smallestWindow = 1024
)

// orphan notes that end was closed.
func (k *Kernel) orphan(end *tcp) {
	if !end.reset && len(end.out) > 0 {
		k.orphans = append(k.orphans, &orphan{end, len(end.out), k.clock + int64(orphanLife)})
	}
}

// reapOrphans gives up on those whose time is over.
func (k *Kernel) reapOrphans() {
	k.orphans = slices.DeleteFunc(k.orphans, func(o *orphan) bool {
		switch left := len(o.end.out); {
		case left == 0:
			return true
		case left < o.left:
			o.left, o.until = left, k.clock+int64(orphanLife)
		case k.clock >= o.until:
			o.end.reset, o.end.out = true, nil
			o.end.far.getReset()
			return true
		}
		return false
	})
}
