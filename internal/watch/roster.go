package watch

import (
	"maps"
	"slices"
)

// patience is how many answers in a row may lack an address before it is let go.
// One that is merely not ready for a moment keeps its history. Look-ups that fail
// are no answers.
const patience = 3

// roster knows the addresses of a target, with the I/O left out.
type roster struct {
	missed map[string]int // by address: the answers in a row that lacked it
}

func newRoster() roster { return roster{make(map[string]int)} }

// answer takes all addresses of one answer, and tells which of them are new and
// which others have been missing for too long. New ones are not on the roster
// until they are added.
func (r roster) answer(all []string) (joined, left []string) {
	for _, address := range all {
		if _, known := r.missed[address]; !known {
			joined = append(joined, address)
		}
	}
	for _, address := range slices.Sorted(maps.Keys(r.missed)) {
		if slices.Contains(all, address) {
			r.missed[address] = 0
			continue
		}
		if r.missed[address]++; r.missed[address] >= patience {
			delete(r.missed, address)
			left = append(left, address)
		}
	}
	return joined, left
}

func (r roster) add(address string) { r.missed[address] = 0 }
