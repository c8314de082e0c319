package check

import (
	"encoding/binary"
	"time"
)

var orderLoss = Rule{
	ID:       "datagram/order-loss",
	Networks: datagrams,
	Sends:    "1000 numbered datagrams in a second",
	Expects:  "any of them; how many are lost, doubled or out of order is told and not judged",
	Meaning:  "Not one of many datagrams comes back, although single ones do.",
	stage:    flood,
	run:      runOrderLoss,
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
	var t tally
	if err := t.receive(p, socket, sent); err != nil {
		return err
	}
	if t.unique == 0 {
		return fail(Silent, "not one of %d datagrams came back", numbered)
	}
	p.note("%d sent: %d lost, %d doubled, %d out of order", numbered, numbered-t.unique, t.doubled, t.disordered)
	return nil
}

func sendNumbered(p *probe, socket packetSocket) error {
	random := p.payload(0)
	for n := range uint64(numbered) {
		datagram := take(random, numberedSize)
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

// tally counts the numbers that come back.
type tally struct {
	seen       [numbered]bool
	highest    uint64
	unique     int
	doubled    int
	disordered int
}

func (t *tally) count(n uint64) {
	switch {
	case n >= numbered: // nobody sent that
		return
	case t.seen[n]:
		t.doubled++
		return
	case n < t.highest:
		t.disordered++
	}
	t.seen[n] = true
	t.unique++
	t.highest = max(t.highest, n)
}

// receive counts until all are there, or all are sent and nothing more comes.
func (t *tally) receive(p *probe, socket packetSocket, sent <-chan error) error {
	buf := make([]byte, maxDatagram)
	for done := false; t.unique < numbered; {
		socket.SetReadDeadline(time.Now().Add(p.Timeout / tries))
		n, _, err := socket.receive(buf)
		switch {
		case err == nil && n >= 8:
			t.count(binary.BigEndian.Uint64(buf))
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
