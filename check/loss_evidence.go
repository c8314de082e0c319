package check

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The sizes of Ethernet packets, from which lossEvidence concludes what is fragmented.
const (
	onePacketIPv4 = 1472 // the largest datagram in one packet of 1500 bytes
	onePacketIPv6 = 1452
	fragmentIPv4  = 1480 // what each fragment carries, except the last one
)

// lossFailure returns the failure for the sizes in lost, with what was seen.
func (m *sizeMeasurement) lossFailure(lost []*datagramProbe) *failure {
	var never, often []*datagramProbe
	for _, d := range lost {
		if d.back == 0 {
			never = append(never, d)
		} else {
			often = append(often, d)
		}
	}
	if len(often) > len(never) { // by chance, none of some sizes came back
		often, never = lost, nil
	}
	var seen []string
	if len(never) > 0 {
		seen = append(seen, fmt.Sprintf("datagrams of %s never came back (%d sent)", m.ranges(never), sumOf(never).sent))
	}
	if len(often) > 0 {
		seen = append(seen, fmt.Sprintf("of the datagrams of %s, %v were lost", m.ranges(often), sumOf(often)))
	}
	var others []*datagramProbe
	for _, d := range m.probes {
		if !slices.Contains(lost, d) {
			others = append(others, d)
		}
	}
	seen = append(seen, fmt.Sprintf("of all other sizes, %v", sumOf(others)))
	f := fail(Silent, "")
	if len(never) == 0 {
		f.evidence = LossBySize
	} else {
		f.evidence = m.lossEvidence(never)
		if cleared, back := m.sendWithoutDF(never); back > 0 {
			f.evidence = LongPackets
			seen = append(seen, fmt.Sprintf("without DF they come back (%d of %d)", back, cleared))
		} else if cleared > 0 && f.evidence == LongPackets {
			seen = append(seen, fmt.Sprintf("without DF they do not come back either (0 of %d): the answers may have it", cleared))
		}
	}
	f.detail = strings.Join(seen, "; ")
	return f
}

// ranges names the sizes, those that follow each other in datagramSizes as a range.
func (m *sizeMeasurement) ranges(sizes []*datagramProbe) string {
	var words []string
	for i := 0; i < len(sizes); {
		first := slices.Index(m.probes, sizes[i])
		n := 1
		for i+n < len(sizes) && sizes[i+n] == m.probes[first+n] {
			n++
		}
		word := sizeName(sizes[i].size)
		if n > 1 {
			word = fmt.Sprintf("%d–%s", sizes[i].size, sizeName(sizes[i+n-1].size))
		}
		words = append(words, word)
		i += n
	}
	return strings.Join(words, ", ")
}

// lossEvidence returns what is special about the sizes that never came back; "" if nothing
// is.
func (m *sizeMeasurement) lossEvidence(never []*datagramProbe) Evidence {
	onePacket := onePacketIPv4
	if m.small.socket.peer().Addr().Is6() {
		onePacket = onePacketIPv6
	}
	shortest, longest := never[0].size, never[len(never)-1].size
	longerComesBack := slices.ContainsFunc(m.probes, func(d *datagramProbe) bool { return d.size > longest && d.back > 0 })
	between := slices.ContainsFunc(m.probes, func(d *datagramProbe) bool {
		return d.size > shortest && d.size < longest && d.back > 0
	})
	short := !slices.ContainsFunc(never, func(d *datagramProbe) bool {
		inLast := (d.size + 8) % fragmentIPv4
		return d.size <= onePacketIPv4 || inLast == 0 || inLast >= 8
	})
	switch {
	case short && onePacket == onePacketIPv4 && (longerComesBack || between):
		return ShortFragments
	case between:
		return ""
	case longest <= onePacket && longerComesBack:
		return LongPackets
	case longerComesBack:
		return ""
	case shortest <= onePacket:
		return PacketLimit
	case shortest == nextSize(onePacket):
		return Fragments
	}
	return DatagramLimit
}

// nextSize returns the smallest of datagramSizes that is above n.
func nextSize(n int) int {
	i, _ := slices.BinarySearch(datagramSizes, n+1)
	return datagramSizes[i]
}

// sendWithoutDF sends datagrams that fit into one packet and never came back again, now
// without DF. It returns how many it sent, 0 if this is not possible, and how many of
// them came back.
func (m *sizeMeasurement) sendWithoutDF(never []*datagramProbe) (sent, back int) {
	if m.p.target.Dial != nil {
		return 0, 0
	}
	var probes []*datagramProbe
	for i, d := range never {
		if d.size > onePacketIPv4 || i == 4 {
			break
		}
		socket, err := openUnconnected(m.p, m.small.socket.peer(), 0)
		if err != nil {
			break
		}
		if !clearDF(socket) {
			socket.Close()
			break
		}
		probes = append(probes, m.addSocket(socket, d.size))
	}
	for range attempts {
		for _, d := range probes {
			d.send()
			m.receive(time.Now().Add(pauseSmall), d)
		}
	}
	m.await(probes...)
	for _, d := range probes {
		sent += len(d.sent)
		back += d.back
	}
	return sent, back
}
