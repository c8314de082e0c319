package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"echod/internal/sock"
)

const (
	// keySize is of what rand.Text makes: 130 random bits in 26 characters.
	keySize = 26
	// answers are the copies that are sent back: a single one that is lost
	// would look like a mapping that is.
	answers = 3
	// headers are IPv6's and UDP's, in bytes. IPv4's are smaller.
	headers = 40 + 8
)

// DatagramSize is the least that a datagram with a key must have, in bytes: with
// its headers as many as are sent back with theirs, so that nothing is amplified.
// The key comes first.
const DatagramSize = answers*(headers+keySize) - headers

// letter is a datagram that brought a key.
type letter struct {
	text    []byte
	from    netip.AddrPort
	arrived sock.PktInfo // and so where the answer must come from
	when    time.Time
}

// post is the agent's UDP socket and the keys that may come in by it. What
// brings none of them is dropped: to who has no key, the port is mute.
type post struct {
	conn *net.UDPConn

	mu   sync.Mutex
	keys map[string]chan letter
}

func newPost(conn *net.UDPConn) *post { return &post{conn: conn, keys: make(map[string]chan letter)} }

// expect makes a key. Its letter comes on the channel, at most one.
func (p *post) expect() (key string, come <-chan letter) {
	key = rand.Text()
	box := make(chan letter, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys[key] = box
	return key, box
}

// take is the channel that waits for key, once: then it is no key any more.
func (p *post) take(key string) chan letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	box := p.keys[key]
	delete(p.keys, key)
	return box
}

// deliver hands letters out until the socket is closed or ctx ends.
func (p *post) deliver(ctx context.Context) {
	text, control := make([]byte, 2048), make([]byte, sock.ControlSize)
	for {
		n, controlled, _, from, err := p.conn.ReadMsgUDPAddrPort(text, control)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil && n == 0:
			// No datagram, and the next try may tell the same: do not spin.
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		case n >= DatagramSize:
			if box := p.take(string(text[:keySize])); box != nil {
				box <- letter{append([]byte{}, text[:n]...), from, sock.ParseControl(control[:controlled]), time.Now()}
			}
		}
	}
}

// answer sends text to who sent l, from the address that was asked.
func (p *post) answer(l letter, text string) (int, error) {
	control := make([]byte, sock.ControlSize)
	n, _, err := p.conn.WriteMsgUDPAddrPort([]byte(text), control[:sock.PutControl(control, l.arrived)], l.from)
	return n, err
}
