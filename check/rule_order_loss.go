package check

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
)

var orderLoss = Rule{
	ID:       "datagram/order-loss",
	Networks: datagrams,
	Sends:    "1000 numbered datagrams in a second; if many are lost, 40 more in another second, and one from each of five new sockets",
	Expects:  "at least one of them, none changed, and no end of the answers before the end of the datagrams; the numbers lost, duplicated and out of order, and a limit on the rate, are reported and do not fail the rule",
	Meaning:  "Of many datagrams not one comes back, or some come back changed.",
	Causes: []Cause{
		{
			Classes:  []Class{Silent},
			Evidence: []Evidence{SourceLimit},
			Meaning:  "A client that sends fast is not answered any more.",
			Text:     "a limit on the rate or on the number of datagrams of one source, which ignores the source when it is exceeded",
			Remedy:   "raise the limit, or drop only what exceeds it",
		},
		serverStopped,
		nothingBack,
		sourceChanged,
		otherSource,
		otherClient,
		joinedDatagrams,
		changedAnswer,
	},
	stage: flood,
	run:   runOrderLoss,
}

const (
	numbered      = 1000 // datagrams
	numberedBurst = 10   // at a time
	numberedPause = 10 * time.Millisecond
	numberedSize  = 64 // bytes each

	// After much loss, this many more are sent, one at a time.
	slowNumbered = 40
	slowPause    = 25 * time.Millisecond
)

func runOrderLoss(p *probe) error {
	set, err := openDatagrams(p, numberedSize)
	if err != nil {
		return err
	}
	defer set.Close()
	c := &numberCount{set: set, socket: set.probes[0].socket}
	random := p.payload(0)
	for i := range c.sent {
		c.sent[i] = nextBytes(random, numberedSize)
		binary.BigEndian.PutUint64(c.sent[i], uint64(i))
	}
	if err := c.send(numbered, numberedBurst, numberedPause); err != nil {
		return err
	}
	if c.wrong > 0 {
		c.firstWrong.detail = fmt.Sprintf("%s, the first: %s", count(c.wrong, "answer is wrong", "answers are wrong"), c.firstWrong.detail)
		return c.firstWrong
	}
	note := fmt.Sprintf("%d sent: %d lost, %d duplicated, %d out of order", numbered, numbered-c.unique, c.duplicated, c.disordered)
	if numbered-c.unique >= numbered/10 {
		limit, err := c.examineLoss()
		if err != nil {
			return err
		}
		note += limit
	}
	p.setNote("%s", note)
	return nil
}

// examineLoss finds out why many datagrams are lost. It returns a failure if nothing
// comes back any more, and a note if the loss depends on the rate.
func (c *numberCount) examineLoss() (note string, err error) {
	if c.unique == 0 {
		return "", c.noneBack()
	}
	fast, last := c.tally(0, numbered), 0
	gap, gapEnd := 0, 0 // the most numbers in a row that are lost
	for i, back := range c.back[:numbered] {
		if back {
			last = i + 1
		} else if i+1-last > gap {
			gap, gapEnd = i+1-last, i
		}
	}
	if gap > fast.lost/2 {
		lasted := c.at[gapEnd].Sub(c.at[gapEnd+1-gap])
		note = fmt.Sprintf("; %d of the lost ones in a row, within %s", gap, formatDuration(lasted))
	}
	if note != "" && last == numbered {
		return note, nil
	}
	// The first half may have used up what a limit allows at once.
	later := c.tally(numbered/2, numbered)
	passed := float64(later.sent-later.lost) / c.at[numbered-1].Sub(c.at[numbered/2-1]).Seconds()
	if err := c.send(len(c.sent), 1, slowPause); err != nil {
		return "", err
	}
	slow := c.tally(numbered, len(c.sent))
	if slow.lost < slow.sent {
		return cmp.Or(note, fast.slower(slow, passed)), nil
	}
	before, after := c.tally(0, last), c.tally(last, len(c.sent))
	fresh := c.set.sendFresh(c.set.probes[0])
	switch answered := fresh.sent - fresh.lost; {
	case answered == 0 && after.exceeds(before, 1):
		return "", stopFailure(before, after, fresh)
	case answered > 0 && after.exceeds(before.add(fresh), 1):
		return "", limitFailure(last, after, fresh)
	}
	return note, nil
}

// noneBack returns the failure when nothing has come back.
func (c *numberCount) noneBack() *failure {
	fresh := c.set.sendFresh(c.set.probes[0])
	f := fail(Silent, "not one of %d datagrams came back; of %d new sockets, %d got an answer", c.next, fresh.sent, fresh.sent-fresh.lost)
	f.evidence = NothingPassed
	if fresh.lost < fresh.sent {
		f.evidence = SourceLimit
	}
	return f
}

// numberCount counts the numbers that come back.
type numberCount struct {
	set    *datagramSet
	socket packetSocket
	sent   [numbered + slowNumbered][]byte
	at     [numbered + slowNumbered]time.Time // when it was sent
	back   [numbered + slowNumbered]bool
	next   int // the number to send next

	highest    int
	unique     int // how many came back
	duplicated int
	disordered int
	wrong      int
	firstWrong *failure
}

// send sends the datagrams up to number end, some at a time with a pause after them, and
// counts what comes back.
func (c *numberCount) send(end, burst int, pause time.Duration) error {
	first := time.Now()
	for c.next < end {
		for range burst {
			c.at[c.next] = time.Now() // before the answer can arrive
			if err := c.socket.send(c.sent[c.next]); err != nil {
				return err
			}
			c.next++
		}
		next := time.Now().Add(pause)
		if err := c.receive(func() time.Time { return next }, false); err != nil {
			return err
		}
	}
	return c.receive(func() time.Time { return c.set.expected(first, c.at[end-1]) }, true)
}

// tally returns the loss of the numbers from first up to end.
func (c *numberCount) tally(first, end int) lossTally {
	t := lossTally{sent: end - first}
	for _, back := range c.back[first:end] {
		if !back {
			t.lost++
		}
	}
	return t
}

// receive counts what arrives until deadline. If early, it returns when everything that
// was sent is back.
func (c *numberCount) receive(deadline func() time.Time, early bool) error {
	for !early || c.unique+c.wrong < c.next {
		if time.Now().After(deadline()) { // a server answers without end
			break
		}
		a, ok := c.set.next(deadline())
		if !ok {
			break
		}
		if a.err != nil {
			return a.err
		}
		c.add(a.data, a.from, a.at)
	}
	return c.set.p.ctx.Err()
}

// add compares an answer with the datagram of its number.
func (c *numberCount) add(got []byte, from netip.AddrPort, at time.Time) {
	n := c.next
	if len(got) >= 8 {
		n = int(min(binary.BigEndian.Uint64(got), uint64(c.next)))
	}
	if n == c.next { // it was never sent: report how it differs from the first one
		if !isForeign(c.socket, got, from, nil) {
			c.addWrong(checkAnswer(c.socket, got, from, c.sent[0]))
		}
		return
	}
	if isForeign(c.socket, got, from, c.sent[n]) {
		return
	}
	if f := checkAnswer(c.socket, got, from, c.sent[n]); f != nil {
		f.detail = fmt.Sprintf("datagram %d: %s", n, f.detail)
		c.addWrong(f)
		return
	}
	switch {
	case c.back[n]:
		c.duplicated++
		return
	case n < c.highest:
		c.disordered++
	}
	c.set.addRoundTrip(at.Sub(c.at[n]))
	c.back[n] = true
	c.unique++
	c.highest = max(c.highest, n)
}

func (c *numberCount) addWrong(f *failure) {
	if c.wrong++; c.wrong > 1 {
		return
	}
	if f.class == WrongSource && c.unique > 0 {
		f.evidence = SourceChanged
		f.detail += fmt.Sprintf("; %s before it came from the right address", count(c.unique, "answer", "answers"))
	}
	c.firstWrong = f
}
