package client

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"time"
)

// datagrams is a client of an echo of datagrams. One may be lost: a step sends the
// next then. It is Done with the first that comes back.
type datagrams struct {
	conn net.Conn
	key  uint32
	sent uint32
	seen map[uint32]int
}

// DialUDP makes a socket for an echo of datagrams.
func DialUDP(address string) (Session, error) {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return nil, err
	}
	return &datagrams{conn: conn, key: rand.Uint32(), seen: make(map[uint32]int)}, nil
}

func (d *datagrams) Close() { d.conn.Close() }

// message is the datagram of that number: its length depends on it, too.
func (d *datagrams) message(number uint32) []byte {
	p := binary.BigEndian.AppendUint32(nil, d.key)
	p = binary.BigEndian.AppendUint32(p, number)
	tail := make([]byte, 56+number%1000)
	fill(tail, d.key, int64(number))
	return append(p, tail...)
}

func (d *datagrams) Step(wait time.Duration) Outcome {
	d.sent++
	end := time.Now().Add(wait)
	if _, err := d.conn.Write(d.message(d.sent)); err != nil {
		return d.survive(err)
	}
	return d.await(d.sent, end)
}

// await reads until the datagram of that number is back. Those before it may come,
// too, but none twice: the loopback doubles nothing.
func (d *datagrams) await(number uint32, end time.Time) Outcome {
	buf := make([]byte, 64<<10)
	for {
		d.conn.SetReadDeadline(end)
		n, err := d.conn.Read(buf)
		if err != nil {
			return d.survive(err)
		}
		if n < 8 || binary.BigEndian.Uint32(buf) != d.key {
			return Outcome{Wrong, fmt.Sprintf("a datagram of %d bytes that nobody sent", n)}
		}
		got := binary.BigEndian.Uint32(buf[4:])
		if got > d.sent || !bytes.Equal(buf[:n], d.message(got)) {
			return Outcome{Wrong, fmt.Sprintf("datagram %d came back changed", got)}
		}
		if d.seen[got]++; d.seen[got] > 1 {
			return Outcome{Wrong, fmt.Sprintf("datagram %d came back twice", got)}
		}
		if got == number {
			return Outcome{}
		}
	}
}

// survive makes an outcome of an error. ECONNREFUSED says that nobody is bound to
// the port, and the next datagram may find somebody.
func (d *datagrams) survive(err error) Outcome {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return Outcome{Waiting, ""}
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return Outcome{Waiting, "the port is closed"}
	}
	return Outcome{Reset, err.Error()}
}

func (d *datagrams) Finish(wait time.Duration) Outcome { return d.Step(wait) }
