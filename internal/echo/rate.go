package echo

// Rate limits what is sent in one second. In any t seconds no more is sent than t times
// the Rate and one Burst.
type Rate struct {
	Packets int
	Bytes   int // of payload
}

// The default rates. The rate of one prefix is enough for a person or a monitor, and too
// little for an attack on a third party. Ten busy prefixes use up the total, which is
// about half of what one processor core can echo.
var (
	DefaultPerPrefix = Rate{Packets: 10_000, Bytes: 16 << 20}
	DefaultTotal     = Rate{Packets: 100_000, Bytes: 160 << 20}
)

// MaxDatagram is the largest payload of a UDP datagram over IPv4: 65,535 bytes less the
// two headers.
const MaxDatagram = 65_507

// Burst returns how much may be sent at once after a silence: as much as in one second,
// and at least one datagram of any size.
func (r Rate) Burst() Rate {
	return Rate{Packets: max(r.Packets, 1), Bytes: max(r.Bytes, MaxDatagram)}
}

func (r Rate) withDefaults(d Rate) Rate {
	if r.Packets == 0 {
		r.Packets = d.Packets
	}
	if r.Bytes == 0 {
		r.Bytes = d.Bytes
	}
	return r
}

// bucket is a leaky bucket: what is sent fills it, and it drains at the Rate. What would
// overflow it is not sent. It allows the same as a token bucket, but the zero bucket is
// ready to use: nothing was sent yet.
type bucket struct {
	at      int64 // when it was last drained, in nanoseconds
	packets float64
	bytes   float64
}

// fits reports whether one datagram of size bytes may be added now.
func (b *bucket) fits(now int64, r Rate, size int) bool {
	b.drain(now, r)
	burst := r.Burst()
	return b.packets+1 <= float64(burst.Packets) && b.bytes+float64(size) <= float64(burst.Bytes)
}

// drain removes what has drained since the last call. now may be slightly in the past:
// callers on several threads read the clock before they lock the Guard.
func (b *bucket) drain(now int64, r Rate) {
	seconds := float64(max(now-b.at, 0)) / 1e9
	b.at = max(b.at, now)
	b.packets = max(b.packets-seconds*float64(r.Packets), 0)
	b.bytes = max(b.bytes-seconds*float64(r.Bytes), 0)
}

func (b *bucket) add(size int) {
	b.packets++
	b.bytes += float64(size)
}
