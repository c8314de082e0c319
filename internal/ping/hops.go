package ping

// initialTTLs are the values with which systems send: 64 (Linux, BSD, macOS), 128 (Windows)
// and 255 (some routers).
var initialTTLs = []int{64, 128, 255}

// Hops guesses how many routers forwarded a datagram that arrived with that TTL, from 1 to
// 255, or IPv6 hop limit: each of them takes 1 from it (RFC 1812, section 5.3.1; RFC 8200,
// section 3). The sender is taken to have begun with the next higher of the usual values.
// So the result is too small if it began with another one, or if more than 60 routers
// forwarded it, and it says nothing of the way to the service.
func Hops(ttl int) int {
	for _, initial := range initialTTLs {
		if ttl <= initial {
			return initial - ttl
		}
	}
	return 0
}

// ttlRange is the lowest and the highest TTL of the answers. Both are 0 if none is known.
type ttlRange struct{ lowest, highest int }

func (r *ttlRange) add(ttl int) {
	if ttl == 0 {
		return
	}
	if r.lowest == 0 || ttl < r.lowest {
		r.lowest = ttl
	}
	r.highest = max(r.highest, ttl)
}
