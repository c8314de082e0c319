package watch

import (
	"maps"
	"slices"
	"time"
)

// DefaultKeep is for how long an address that does not answer is monitored after it has
// left the answers of the resolver. A resolver that returns 3 of 10 addresses every ten
// seconds returns each of them within that time.
const DefaultKeep = 5 * time.Minute

// members are the addresses of a target on one network. The value is for how long the
// answers of the resolver have lacked the address: 0 if the last answer has it. It does no
// I/O.
type members map[string]time.Duration

// update compares the members with an answer of the resolver, elapsed after the look-up
// before, which may have failed: the time of failed look-ups does not count as missing. It
// returns the addresses that are new, which are members only when the caller adds them.
// It removes and returns those that have been missing for keep and are not up.
func (s members) update(answer []string, elapsed, keep time.Duration, isUp func(address string) bool) (added, removed []string) {
	listed := make(map[string]bool, len(answer))
	for _, address := range answer {
		listed[address] = true
		if _, known := s[address]; !known {
			added = append(added, address)
		}
	}
	for _, address := range slices.Sorted(maps.Keys(s)) {
		if listed[address] {
			s[address] = 0
			continue
		}
		s[address] += max(elapsed, 1)
		if s[address] >= keep && !isUp(address) {
			delete(s, address)
			removed = append(removed, address)
		}
	}
	return added, removed
}
