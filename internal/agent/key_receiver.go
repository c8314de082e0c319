package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"echod/internal/sock"
)

const (
	// keySize is the length of what rand.Text returns: 130 random bits in 26
	// characters.
	keySize = 26
	// answers is the number of copies that are sent back: a single one that is
	// lost would look like a mapping that is.
	answers = 3
	// headers is the size of the headers of IPv6 and UDP, in bytes. Those of
	// IPv4 are smaller.
	headers = 40 + 8
	// maxDatagram is more than any UDP datagram has: none is ever truncated,
	// which Windows would report as an error.
	maxDatagram = 64 << 10
)

// DatagramSize is the least that a datagram with a key must have, in bytes: with
// its headers as many as are sent back with theirs, so that nothing is amplified.
// The key comes first.
const DatagramSize = answers*(headers+keySize) - headers

// keyDatagram is a datagram that brought a key.
type keyDatagram struct {
	text    []byte
	from    netip.AddrPort
	arrived sock.PktInfo // where it arrived, and so where the answer must come from
	when    time.Time
}

// datagramConn is what a keyReceiver uses of a *net.UDPConn. As with that, the
// counts are -1 where a read fails.
type datagramConn interface {
	ReadMsgUDPAddrPort(b, oob []byte) (n, oobn, flags int, addr netip.AddrPort, err error)
	WriteMsgUDPAddrPort(b, oob []byte, addr netip.AddrPort) (n, oobn int, err error)
}

// keyReceiver is the agent's UDP socket and the keys that are expected there. A
// datagram without one is dropped and not answered. There is at most one key for
// each run, so never more than Limits.Runs.
type keyReceiver struct {
	conn   datagramConn
	failed atomic.Uint64 // reads that failed

	mu   sync.Mutex
	keys map[string]chan keyDatagram
}

func newKeyReceiver(conn datagramConn) *keyReceiver {
	return &keyReceiver{conn: conn, keys: make(map[string]chan keyDatagram)}
}

// newKey makes a key. The channel receives its datagram, at most one.
func (k *keyReceiver) newKey() (key string, arrived <-chan keyDatagram) {
	key = rand.Text()
	waiting := make(chan keyDatagram, 1)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys[key] = waiting
	return key, waiting
}

// remove makes key invalid and returns the channel that waited for it, nil if
// there is none.
func (k *keyReceiver) remove(key string) chan<- keyDatagram {
	k.mu.Lock()
	defer k.mu.Unlock()
	waiting := k.keys[key]
	delete(k.keys, key)
	return waiting
}

// receive hands datagrams to those that wait for them until the socket is closed
// or ctx ends. Whatever else the socket reports is counted, and followed by a
// pause: the next read may report the same.
func (k *keyReceiver) receive(ctx context.Context) {
	text, control := make([]byte, maxDatagram), make([]byte, sock.ControlSize)
	var retry backoff
	for ctx.Err() == nil {
		n, controlled, _, from, err := k.conn.ReadMsgUDPAddrPort(text, control)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			k.failed.Add(1)
			retry.wait(ctx)
			continue
		}
		retry = backoff{}
		if n < DatagramSize {
			continue
		}
		if waiting := k.remove(string(text[:keySize])); waiting != nil {
			waiting <- keyDatagram{append([]byte{}, text[:n]...), from, sock.ParseControl(control[:controlled]), time.Now()}
		}
	}
}

// send sends text to the sender of d, from the address that d was sent to.
func (k *keyReceiver) send(d keyDatagram, text string) (int, error) {
	control := make([]byte, sock.ControlSize)
	n, _, err := k.conn.WriteMsgUDPAddrPort([]byte(text), control[:sock.PutControl(control, d.arrived, d.from.Addr())], d.from)
	return max(n, 0), err
}
