package check

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

var datagramExact = Rule{
	ID:       "datagram/exact",
	Networks: datagrams,
	Sends:    "datagrams of 1 to 65507 bytes, most of them around the limits of one packet (1232 to 1500 bytes), each several times, in a random order, with datagrams of 64 bytes between them",
	Expects:  "each of them unchanged, and long ones lost no more often than the loss of small ones explains",
	Meaning:  "Datagrams of some sizes come back shorter, changed, less often or not at all.",
	Causes: []Cause{
		smallBuffer,
		sourceChanged,
		otherSource,
		otherClient,
		joinedDatagrams,
		changedAnswer,
		nothingBack,
		sourceLimit,
		serverStopped,
		lateAnswer,
		{
			Classes:  []Class{Silent},
			Evidence: []Evidence{LongPackets},
			Text:     "an MTU black hole: a link with a smaller MTU drops packets that must not be fragmented (DF), and the ICMP messages that report it are dropped too; the sender fragments longer datagrams itself, without DF",
			Remedy:   "allow ICMP \"fragmentation needed\", set the MTU of the ends to that of the path, or send without DF (Linux: IP_MTU_DISCOVER; of the server, too)",
		},
		{
			Classes:  []Class{Silent},
			Evidence: []Evidence{ShortFragments},
			Text:     "a firewall, NAT or load balancer that drops a fragment which is too short for the ports of a UDP header, although only the first fragment has that header",
			Remedy:   "update what handles fragments on the path, or send less than the MTU",
		},
		{
			Classes:  []Class{Silent},
			Evidence: []Evidence{Fragments},
			Text:     "fragments dropped on the path: by a firewall, by a NAT or load balancer that does not reassemble them, or on one of several paths",
			Remedy:   "allow fragments, or send less than the MTU of the path",
		},
		{
			Classes:  []Class{Silent},
			Evidence: []Evidence{PacketLimit},
			Text:     "a link with a smaller MTU than the ends assume, e.g. a tunnel, on a path that drops fragments and ICMP messages",
			Remedy:   "lower the MTU of the ends to that of the path; allow fragments and ICMP \"packet too big\"",
		},
		{
			Classes:  []Class{Silent},
			Evidence: []Evidence{DatagramLimit},
			Text:     "a limit on the size of a datagram, in the server or in a proxy: a small buffer, or too little memory for the fragments of one datagram",
			Remedy:   "receive into 64 KiB; increase the receive buffer of the socket (SO_RCVBUF)",
		},
		{
			Classes:  []Class{Silent},
			Evidence: []Evidence{LossBySize},
			Text:     "a queue or a receive buffer that overflows with the fragments of one datagram, a rate limit that counts bytes, or one of several paths that drops fragments",
			Remedy:   "increase the queue or the receive buffer; compare the paths; or send less than the MTU",
		},
		{
			Classes: []Class{Silent},
			Text:    "a program on the path that drops datagrams of these sizes",
			Remedy:  "compare with --direct, and look at the counters of dropped packets on the path",
		},
	},
	noRetry: true, // it decides itself what to send again
	run:     runDatagramExact,
}

// datagramSizes are the smallest size, the DNS limits (512, 1232 and 1400), what fits
// into the smallest packet of IPv6 (1232), into an Ethernet frame with IPv6 (1452) and
// with IPv4 (1472), into two fragments (2952), common buffer sizes, and the largest that
// UDP over IPv4 carries (65535 − 20 − 8). The first fragment has a multiple of 8 bytes,
// so the last one of 1473 to 1480 bytes has 1 to 8. datagram/empty has the size 0.
var datagramSizes = []int{
	1, controlSize, 512, 1232, 1280, 1400, 1452, 1453, 1472, 1473, 1474, 1475, 1476, 1477, 1478, 1479, 1480,
	1500, 2048, 2049, 2952, 2953, 3000, 4097, 8192, 9000, 16384, 65507,
}

const (
	controlSize = 64 // bytes of the datagrams that measure the loss of the path
	controls    = 2  // for each other datagram

	// A datagram is sent when the one before is back, or after a pause.
	pauseSmall = 30 * time.Millisecond
	pauseLarge = 100 * time.Millisecond

	// Everything is sent this many times, and more often while something that is lost
	// is not yet significant: see maxChance.
	minRounds    = 3
	secondRounds = 5
	maxRounds    = 12
)

// sizeMeasurement is the measurement of datagram/exact.
type sizeMeasurement struct {
	*datagramSet
	probes []*datagramProbe // one for each size
	small  *datagramProbe   // that of controlSize
}

func runDatagramExact(p *probe) error {
	set, err := openDatagrams(p, datagramSizes...)
	if err != nil {
		return err
	}
	defer set.Close()
	m := &sizeMeasurement{datagramSet: set, probes: slices.Clone(set.probes), small: set.probes[slices.Index(datagramSizes, controlSize)]}
	start := time.Now()
	for round := 1; p.ctx.Err() == nil; round++ {
		m.sendRound(round)
		end := round == maxRounds || round > secondRounds && time.Since(start) > m.enoughTime()
		if round != minRounds && round != secondRounds && !end {
			continue
		}
		m.await(m.probes...)
		if m.nothingBack() && p.ctx.Err() == nil {
			f := fail(Silent, "not one of %d datagrams came back", sumOf(m.probes).sent)
			f.evidence = NothingPassed
			return f
		}
		if end || m.decided() {
			return m.verdict()
		}
	}
	return p.ctx.Err()
}

// enoughTime returns after how much time the measurement ends, also if more rounds could
// change the verdict. A size that has never come back is worth more of it.
func (m *sizeMeasurement) enoughTime() time.Duration {
	if slices.ContainsFunc(m.probes, func(d *datagramProbe) bool { return d.err == nil && d.back == 0 }) {
		return 4 * m.p.Timeout
	}
	return 2 * m.p.Timeout
}

// nothingBack reports whether neither an answer nor an error came back.
func (m *sizeMeasurement) nothingBack() bool {
	return !slices.ContainsFunc(m.probes, func(d *datagramProbe) bool {
		return d.back > 0 || d.err != nil && classify(d.err) != TooLong
	})
}

// sendRound sends a datagram of each size, and small ones, in a random order: a limit on the
// rate would otherwise hit the same sizes in each round. It does not send them together,
// because that could overflow a queue that holds each of them.
func (m *sizeMeasurement) sendRound(round int) {
	all := slices.Clone(m.probes)
	for range controls * len(m.probes) {
		all = append(all, m.small)
	}
	rand.New(rand.NewPCG(m.p.Seed, uint64(round))).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, d := range all {
		large := d.size > 4096
		if large { // it may need the whole queue
			m.receive(time.Now().Add(pauseSmall), m.small)
		}
		d.send()
		if m.p.ctx.Err() != nil {
			return
		}
		switch {
		case large:
			m.receive(time.Now().Add(pauseLarge+min(m.extraTime(d.size), m.p.Timeout/attempts)), d)
		case d != m.small:
			m.receive(time.Now().Add(pauseSmall), d)
		}
	}
	m.receive(time.Now().Add(pauseSmall), m.small)
}

// extraTime returns how much longer a datagram of n bytes takes than a small one, as on a
// slow path. It is known from the longest one that has come back.
func (m *sizeMeasurement) extraTime(n int) time.Duration {
	for _, d := range slices.Backward(m.probes) {
		if d.back > 0 {
			return (d.shortest - m.shortest) * time.Duration(n) / time.Duration(d.size)
		}
	}
	return 0
}

// decided reports whether more rounds would hardly change the verdict: an answer was
// wrong, or what was lost is lost always and significantly, or there is no more loss
// than the small datagrams explain well.
func (m *sizeMeasurement) decided() bool {
	if slices.ContainsFunc(m.probes, func(d *datagramProbe) bool { return d.err != nil && classify(d.err) != TooLong }) {
		return true
	}
	small, holes := m.small.tally(), 0
	for i, group := range m.groups() {
		before := holes
		for _, d := range group {
			// Many packets explain much loss, but not above a size that is always lost.
			hole := d.back == 0 && (holes > 0 || m.lossy(d))
			early := d.back == 0 && d.err == nil && len(d.sent) < secondRounds
			if !hole && (early || chance(small, d.tally(), packets(d.size)) < likely) {
				return false
			}
			if hole {
				holes++
			}
		}
		if holes == before && chance(small, sumOf(group), packets(sizeGroups[i])) < likely {
			return false
		}
	}
	return true
}

// likely is a chance at which nothing needs to be sent again.
const likely = 0.01

func (m *sizeMeasurement) lossy(d *datagramProbe) bool {
	return d.tally().exceeds(m.small.tally(), packets(d.size))
}

// packets returns in how many packets a datagram of n bytes may cross a path. It assumes
// the smallest MTU of IPv6, 1280 bytes: more packets explain more loss.
func packets(n int) int { return (n + 8 + 1231) / 1232 }

func (m *sizeMeasurement) verdict() error {
	if err := m.wrongAnswer(); err != nil {
		return err
	}
	if m.p.ctx.Err() != nil {
		return m.p.ctx.Err()
	}
	if f := m.lateSizes(); f != nil {
		return f
	}
	if f := m.silence(m.probes); f != nil {
		return f
	}
	if lost := m.lossySizes(); len(lost) > 0 {
		return m.lossFailure(lost)
	}
	m.setNotes()
	return nil
}

// wrongAnswer returns the failure of the smallest size with a wrong answer, and names the
// others; or else the error of a socket.
func (m *sizeMeasurement) wrongAnswer() error {
	var failed []*datagramProbe
	var first error
	for _, d := range m.probes {
		f, wrong := d.err.(*failure)
		if wrong {
			failed = append(failed, d)
		}
		// That the bytes are those of another client says most.
		more := wrong && f.evidence == OtherConnection
		switch old, isFailure := first.(*failure); {
		case d.err == nil || classify(d.err) == TooLong:
		case first == nil, wrong && !isFailure, more && old.evidence != OtherConnection:
			first = d.err
		}
	}
	for _, d := range m.probes {
		if first != nil && d.err == first {
			first = inCase(sizeName(d.size), first)
		}
	}
	if f, ok := first.(*failure); ok && len(failed) > 1 {
		f.detail += "; sizes that failed: " + m.ranges(failed)
	}
	return first
}

// lateSizes returns the failure of the sizes of which most answers came after more than
// the timeout; nil if there are none.
func (m *sizeMeasurement) lateSizes() *failure {
	var sizes []*datagramProbe
	late := 0
	for _, d := range m.probes {
		if d.late > 1 && 2*d.late > d.back {
			sizes = append(sizes, d)
			late += d.late
		}
	}
	if len(sizes) == 0 {
		return nil
	}
	return fail(Late, "%d of %d answers to datagrams of %s came after more than the timeout of %v, the last one after %s",
		late, sumOf(sizes).sent, m.ranges(sizes), m.p.Timeout, formatDuration(m.longest))
}

// setNotes reports what was lost, and what was not sent.
func (m *sizeMeasurement) setNotes() {
	var notes []string
	if sumOf(m.probes).lost > 0 {
		notes = append(notes, "lost: "+m.bySize())
	}
	var never, unsent []*datagramProbe
	for _, d := range m.probes {
		switch {
		case d.err != nil:
			unsent = append(unsent, d)
		case d.back == 0:
			never = append(never, d)
		}
	}
	if len(never) > 0 {
		notes = append(notes, m.ranges(never)+" never came back, which the loss of single packets explains")
	}
	if len(unsent) > 0 {
		notes = append(notes, "this machine does not send "+m.ranges(unsent))
	}
	m.p.setNote("%s", strings.Join(notes, "; "))
}

// sizeGroups are the largest sizes of groups whose loss is also added up: what is not
// significant for one size may be for a group.
var sizeGroups = []int{1472, 3000, 16384, 65507}

// groups returns the sizes in each of sizeGroups, without the small datagrams.
func (m *sizeMeasurement) groups() [][]*datagramProbe {
	groups := make([][]*datagramProbe, len(sizeGroups))
	for _, d := range m.probes {
		i, _ := slices.BinarySearch(sizeGroups, d.size)
		if d != m.small {
			groups[i] = append(groups[i], d)
		}
	}
	return groups
}

// lossySizes returns the sizes that have more loss than the small datagrams explain.
func (m *sizeMeasurement) lossySizes() []*datagramProbe {
	var lossy []*datagramProbe
	small := m.small.tally()
	for i, group := range m.groups() {
		one := len(lossy)
		for _, d := range group {
			if m.lossy(d) {
				lossy = append(lossy, d)
			}
		}
		if len(lossy) == one && sumOf(group).exceeds(small, packets(sizeGroups[i])) {
			lossy = append(lossy, group...)
		}
	}
	if len(lossy) == 0 {
		return nil
	}
	// What is lost too often, but not significantly, and is longer, belongs to it.
	var all []*datagramProbe
	for _, d := range m.probes {
		if slices.Contains(lossy, d) || d.size > lossy[0].size && d.tally().lost > 1 && d.tally().excess(small, packets(d.size)) >= minExcess {
			all = append(all, d)
		}
	}
	return all
}

func sumOf(probes []*datagramProbe) lossTally {
	var t lossTally
	for _, d := range probes {
		t = t.add(d.tally())
	}
	return t
}

// bySize returns the loss of the small datagrams and of each group.
func (m *sizeMeasurement) bySize() string {
	words := []string{fmt.Sprintf("%v of 64 B", m.small.tally())}
	for i, group := range m.groups() {
		if t := sumOf(group); t.sent > 0 {
			words = append(words, fmt.Sprintf("%v of up to %s", t, sizeName(sizeGroups[i])))
		}
	}
	return strings.Join(words, ", ")
}

func sizeName(n int) string { return fmt.Sprintf("%d B", n) }
