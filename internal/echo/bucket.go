package echo

// Rate is how much may be sent in one second. In any t seconds no more goes out
// than t times the Rate and one Burst.
type Rate struct {
	Packets int
	Bytes   int // of payload
}

// The default rates. One prefix gets what a person or a monitor can use, not
// what an attacker could aim at somebody else; ten busy prefixes use up the
// total, which is about half of what one processor core can echo.
var (
	DefaultPerPrefix = Rate{Packets: 10_000, Bytes: 16 << 20}
	DefaultTotal     = Rate{Packets: 100_000, Bytes: 160 << 20}
)

// MaxDatagram is the largest payload a UDP datagram can carry over IPv4:
// 65,535 bytes less the two headers.
const MaxDatagram = 65_507

// Burst is how much may be sent at once after a silence: one second's worth,
// but always a whole datagram.
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

// bucket meters one flow: what is sent pours in, the Rate drains it, and what
// would make it run over is not sent. It is the token bucket upside down, so
// that the zero bucket is ready: nothing was sent yet.
type bucket struct {
	at      int64 // when it was last drained, in nanoseconds
	packets float64
	bytes   float64
}

// fits reports whether one datagram of size bytes may pour in now.
func (b *bucket) fits(now int64, r Rate, size int) bool {
	b.drain(now, r)
	burst := r.Burst()
	return b.packets+1 <= float64(burst.Packets) && b.bytes+float64(size) <= float64(burst.Bytes)
}

// drain takes out what flowed since. Callers on several threads read the clock
// before they wait for each other, so now may be a little in the past.
func (b *bucket) drain(now int64, r Rate) {
	seconds := float64(max(now-b.at, 0)) / 1e9
	b.at = max(b.at, now)
	b.packets = max(b.packets-seconds*float64(r.Packets), 0)
	b.bytes = max(b.bytes-seconds*float64(r.Bytes), 0)
}

func (b *bucket) pour(size int) {
	b.packets++
	b.bytes += float64(size)
}
