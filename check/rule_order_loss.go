package check

import (
	"encoding/binary"
	"time"
)

var orderLoss = Rule{
	ID:       "datagram/order-loss",
	Networks: datagrams,
	Sends:    "1000 numbered datagrams in a second",
	Expects:  "at least one of them; the numbers lost, duplicated and out of order are reported and do not fail the rule",
	Meaning:  "Single datagrams come back, but not one of many does.",
	Causes: []Cause{
		{
			Classes: []Class{Silent},
			Text:    "a rate limit that stops answering a source that sends fast",
			Remedy:  "raise the limit, or drop only what exceeds it",
		},
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
	sent := make(chan error, 1)
	go func() { sent <- sendNumbered(p, socket) }()
	var c numberCount
	if err := c.receive(p, socket, sent); err != nil {
		return err
	}
	if c.unique == 0 {
		return fail(Silent, "not one of %d datagrams came back", numbered)
	}
	p.setNote("%d sent: %d lost, %d duplicated, %d out of order", numbered, numbered-c.unique, c.duplicated, c.disordered)
	return nil
}

func sendNumbered(p *probe, socket packetSocket) error {
	random := p.payload(0)
	for n := range uint64(numbered) {
		datagram := nextBytes(random, numberedSize)
		binary.BigEndian.PutUint64(datagram, n)
		if err := socket.send(datagram); err != nil {
			return err
		}
		if n%numberedBurst == numberedBurst-1 {
			p.pause(numberedBurst * time.Millisecond)
		}
	}
	return nil
}

// numberCount counts the numbers that come back.
type numberCount struct {
	seen       [numbered]bool
	highest    uint64
	unique     int
	duplicated int
	disordered int
}

func (c *numberCount) add(n uint64) {
	switch {
	case n >= numbered: // it was never sent
		return
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

// receive counts until all numbers are back, or all are sent and nothing more arrives.
func (c *numberCount) receive(p *probe, socket packetSocket, sent <-chan error) error {
	buf := make([]byte, maxDatagram)
	for done := false; c.unique < numbered; {
		socket.SetReadDeadline(time.Now().Add(p.Timeout / attempts))
		n, _, err := socket.receive(buf)
		switch {
		case err == nil && n >= 8:
			c.add(binary.BigEndian.Uint64(buf))
		case err == nil:
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
