package echo

import "time"

// A loop is the same payload from the same address and port again and again, without a
// pause. This is what two echo services look like that answer each other, whichever of
// their datagrams one follows. A client numbers its datagrams or sends more slowly.
const (
	LoopRepeats = 1000             // identical datagrams that make a loop
	LoopGap     = time.Second      // the gap between one and the next is shorter
	LoopMute    = 60 * time.Second // how long the payload is then not answered
)

// loopTable finds loops. It follows one datagram in each entry. The hash of payload and
// source selects the entry.
type loopTable [tableSize]loopEntry

type loopEntry struct {
	hash  uint64 // of the datagram that is followed
	run   int    // how many were seen without a gap
	at    int64  // when it was last seen
	until int64  // muted before this time
}

// muted counts one more datagram with that hash and reports whether it belongs to a
// loop.
func (t *loopTable) muted(now int64, hash uint64) bool {
	entry := &t[hash%tableSize]
	if entry.hash != hash {
		entry.contest(now, hash)
		return false
	}
	if now < entry.until {
		return true
	}
	if now-entry.at >= int64(LoopGap) {
		entry.run = 0
	}
	entry.at = max(entry.at, now)
	entry.run++
	if entry.run < LoopRepeats {
		return false
	}
	entry.run, entry.until = 0, now+int64(LoopMute)
	return true
}

// contest counts another datagram for the same entry. It replaces the one that is
// followed if that is silent or less frequent. So a loop keeps its entry, whatever else
// falls into it: it is always the majority.
func (e *loopEntry) contest(now int64, hash uint64) {
	if now < e.until {
		return
	}
	if e.run--; e.run <= 0 || now-e.at >= int64(LoopGap) {
		*e = loopEntry{hash: hash, run: 1, at: now}
	}
}
