package echo

import "time"

// What a loop is: the same payload from the same address and port, again and
// again and without a pause. Two echo services that were set on each other look
// like that, whichever of their datagrams one follows; an asker numbers its
// questions, or asks more slowly.
const (
	LoopRepeats = 1000             // so many times
	LoopPause   = time.Second      // each less than this after the one before
	LoopMute    = 60 * time.Second // so long that payload is not answered there
)

// loopTable finds loops. It has a place for so many at once; what is sent is
// followed by the hash of payload and source.
type loopTable [tableSize]loopTrack

type loopTrack struct {
	sent  uint64 // the hash that is followed
	run   int
	at    int64 // when it was last seen
	until int64 // muted before this time
}

// muted counts one more datagram with that hash and reports whether it belongs to
// a loop.
func (t *loopTable) muted(now int64, sent uint64) bool {
	track := &t[sent%tableSize]
	if track.sent != sent {
		track.contest(now, sent)
		return false
	}
	if now < track.until {
		return true
	}
	if now-track.at >= int64(LoopPause) {
		track.run = 0
	}
	track.at = max(track.at, now)
	track.run++
	if track.run < LoopRepeats {
		return false
	}
	track.run, track.until = 0, now+int64(LoopMute)
	return true
}

// contest lets another datagram take the place over if what is followed there
// is silent or less frequent. So a loop keeps its place whatever else falls
// there: it wins every majority.
func (t *loopTrack) contest(now int64, sent uint64) {
	if now < t.until {
		return
	}
	if t.run--; t.run <= 0 || now-t.at >= int64(LoopPause) {
		*t = loopTrack{sent: sent, run: 1, at: now}
	}
}
