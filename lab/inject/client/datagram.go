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

// datagrams is a client of a UDP echo. A datagram may be lost: then the next step sends
// another one. A step is Done when its datagram has come back.
type datagrams struct {
	conn net.Conn
	key  uint32
	sent uint32
	seen map[uint32]int
}

// DialUDP opens a socket for a UDP echo.
func DialUDP(address string) (Session, error) {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return nil, err
	}
	return &datagrams{conn: conn, key: rand.Uint32(), seen: make(map[uint32]int)}, nil
}

func (d *datagrams) Close() { d.conn.Close() }

// message returns the datagram with this number. Its length depends on the number.
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
		return outcomeOf(err)
	}
	return d.await(d.sent, end)
}

// await reads until the datagram with this number has come back. Earlier ones may come too,
// but none twice: the loopback device does not duplicate datagrams.
func (d *datagrams) await(number uint32, end time.Time) Outcome {
	buf := make([]byte, 64<<10)
	for {
		d.conn.SetReadDeadline(end)
		n, err := d.conn.Read(buf)
		if err != nil {
			return outcomeOf(err)
		}
		if n < 8 || binary.BigEndian.Uint32(buf) != d.key {
			return Outcome{Wrong, fmt.Sprintf("a datagram of %d bytes that was not sent", n)}
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

// outcomeOf returns the outcome for an error. After ECONNREFUSED, which means that the
// port is closed, the next datagram may succeed.
func outcomeOf(err error) Outcome {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return Outcome{Waiting, ""}
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return Outcome{Waiting, "the port is closed"}
	}
	return Outcome{Reset, err.Error()}
}

func (d *datagrams) Finish(wait time.Duration) Outcome { return d.Step(wait) }
