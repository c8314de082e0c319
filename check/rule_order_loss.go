package check

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
)

var orderLoss = Rule{
	ID:       "datagram/order-loss",
	Networks: datagrams,
	Sends:    "1000 numbered datagrams in a second",
	Expects:  "at least one of them, and none changed; the numbers lost, duplicated and out of order are reported and do not fail the rule",
	Meaning:  "Of many datagrams not one comes back, or some come back changed.",
	Causes: []Cause{
		{
			Classes: []Class{Silent},
			Text:    "a rate limit that stops answering a source that sends fast",
			Remedy:  "raise the limit, or drop only what exceeds it",
		},
		otherSource,
		joinedDatagrams,
		changedAnswer,
	},
	stage: flood,
	run:   runOrderLoss,
}

const (
	numbered      = 1000 // datagrams
	numberedBurst = 10   // at a time
	numberedSize  = 64   // bytes each
)

func runOrderLoss(p *probe) error {
	socket, err := openPacket(p)
	if err != nil {
		return err
	}
	defer socket.Close()
	c := numberCount{socket: socket}
	random := p.payload(0)
	for i := range c.sent {
		c.sent[i] = nextBytes(random, numberedSize)
		binary.BigEndian.PutUint64(c.sent[i], uint64(i))
	}
	sent := make(chan error, 1)
	go func() { sent <- c.send(p) }()
	if err := c.receive(p, sent); err != nil {
		return err
	}
	switch {
	case c.wrong > 0:
		c.first.detail = fmt.Sprintf("%s, the first: %s", count(c.wrong, "answer is wrong", "answers are wrong"), c.first.detail)
		return c.first
	case c.unique == 0:
		return fail(Silent, "not one of %d datagrams came back", numbered)
	}
	p.setNote("%d sent: %d lost, %d duplicated, %d out of order", numbered, numbered-c.unique, c.duplicated, c.disordered)
	return nil
}

// numberCount counts the numbers that come back.
type numberCount struct {
	socket     packetSocket
	sent       [numbered][]byte
	seen       [numbered]bool
	highest    uint64
	unique     int
	duplicated int
	disordered int
	wrong      int
	first      *failure // the first wrong answer
}

func (c *numberCount) send(p *probe) error {
	for i, datagram := range c.sent {
		if err := c.socket.send(datagram); err != nil {
			return err
		}
		if i%numberedBurst == numberedBurst-1 {
			p.pause(numberedBurst * time.Millisecond)
		}
	}
	return nil
}

// add compares an answer with the datagram of its number.
func (c *numberCount) add(got []byte, from netip.AddrPort) {
	n := uint64(numbered)
	if len(got) >= 8 {
		n = binary.BigEndian.Uint64(got)
	}
	if n >= numbered { // it was never sent: report how it differs from the first one
		if isForeign(c.socket, got, from, nil) {
			return
		}
		c.addWrong(checkAnswer(c.socket, got, from, c.sent[0]))
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
	case c.seen[n]:
		c.duplicated++
		return
	case n < c.highest:
		c.disordered++
	}
	c.seen[n] = true
	c.unique++
	c.highest = max(c.highest, n)
}

func (c *numberCount) addWrong(f *failure) {
	if c.wrong++; c.first == nil {
		c.first = f
	}
}

// receive counts until there are as many answers as datagrams, or all are sent and
// nothing more arrives.
func (c *numberCount) receive(p *probe, sent <-chan error) error {
	buf := make([]byte, maxDatagram)
	start := time.Now()
	var rtt time.Duration
	for done := false; c.unique+c.wrong < numbered; {
		if time.Since(start) > 2*p.Timeout { // a server answers without end
			return nil
		}
		wait := p.Timeout / 2
		if rtt > 0 {
			wait = max(p.Timeout/attempts, min(2*rtt, p.Timeout))
		}
		c.socket.SetReadDeadline(time.Now().Add(wait))
		n, from, err := c.socket.receive(buf)
		switch {
		case err == nil:
			if rtt == 0 { // to the first datagram, or to one that was sent soon after
				rtt = time.Since(start)
			}
			c.add(buf[:n], from)
		case classify(err) != Timeout || p.ctx.Err() != nil:
			return err
		case done:
			return nil
		default:
			select {
			case err := <-sent:
				if err != nil {
					return err
				}
				done = true
			default:
			}
		}
	}
	return nil
}
