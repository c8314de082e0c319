//go:build linux

package sim

import (
	"slices"
	"time"
)

// orphan is a closed end with bytes that its peer has no space for. The kernel sends a few
// probes and then resets the connection (tcp(7), tcp_orphan_retries; tcp_probe_timer in
// net/ipv4/tcp_timer.c).
type orphan struct {
	end   *tcp
	left  int   // of end.out
	until int64 // when the kernel resets it, unless the peer reads something
}

const (
	orphanLife = 3 * time.Minute // at least: it depends on the round-trip time
	// smallestWindow is the smallest initial window of a peer, in bytes (tcp(7), tcp_rmem). A
	// [Peer] here may have a smaller one; a stream that has sent less than this does not
	// become an orphan.
	smallestWindow = 1024
)

// addOrphan is called when end was closed.
func (k *Kernel) addOrphan(end *tcp) {
	if !end.reset && len(end.out) > 0 {
		k.orphans = append(k.orphans, &orphan{end, len(end.out), k.clock + int64(orphanLife)})
	}
}

// reapOrphans resets the orphans whose time is over.
func (k *Kernel) reapOrphans() {
	k.orphans = slices.DeleteFunc(k.orphans, func(o *orphan) bool {
		switch left := len(o.end.out); {
		case left == 0:
			return true
		case left < o.left:
			o.left, o.until = left, k.clock+int64(orphanLife)
		case k.clock >= o.until:
			o.end.reset, o.end.out = true, nil
			o.end.peer.getReset()
			return true
		}
		return false
	})
}
