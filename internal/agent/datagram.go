package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"echod/internal/clock"
	"echod/internal/sock"
)

const (
	// keyTimeout is how long a key is valid.
	keyTimeout = 10 * time.Second
	// keySize is the length of what rand.Text returns: 130 random bits in 26
	// characters.
	keySize = 26
	// answers is how many copies of the key are sent back. If there were one and the
	// network lost it, the client could not distinguish that from a lost NAT mapping.
	answers = 3
	// answerGap is the time between two copies, so that one burst does not lose all.
	answerGap = 50 * time.Millisecond
	// headers is the size of the headers of IPv6 and UDP in bytes. Those of IPv4 are
	// smaller.
	headers = 40 + 8
	// maxDatagram is more than the size of any UDP datagram, so that none is
	// truncated, which Windows returns as an error.
	maxDatagram = 64 << 10
)

// DatagramSize is the smallest size in bytes of a datagram with a key. With its headers
// it is as large as all answers with theirs, so there is no amplification. The key comes
// first in the datagram.
const DatagramSize = answers*(headers+keySize) - headers

// datagramLate waits for the datagram with the key of the run, confirms it on the
// connection, and sends a FIN: the connection is not needed any more, and a path that
// drops idle connections may drop it. After the delay it sends the key to the source of
// the datagram.
func (r *run) datagramLate() error {
	d, err := r.receiveKey()
	if err != nil {
		return err
	}
	if refusal := checkSource(d.from, r.conn.RemoteAddr().(*net.TCPAddr).AddrPort()); refusal != nil {
		r.setEnd(Error, refusal)
		_, err := r.conn.Write(refusalLine(refusal))
		return err
	}
	if _, err := r.conn.Write(okLine(nil)); err != nil {
		return err
	}
	if err := r.conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return err
	}
	if err := r.wait(r.script.delay - time.Since(d.when)); err != nil {
		return err
	}
	return r.sendKey(d)
}

// receiveKey returns the datagram with the key of the run.
func (r *run) receiveKey() (keyDatagram, error) {
	defer r.keys.remove(r.key)
	timer := time.NewTimer(keyTimeout)
	defer timer.Stop()
	select {
	case d := <-r.arrivals:
		r.countReceived(d.text)
		return d, nil
	case <-timer.C:
		return keyDatagram{}, errKey
	case <-r.ctx.Done():
		return keyDatagram{}, r.ctxError()
	}
}

// sendKey sends the copies of the key. It returns at the first error. Only the client
// can know whether they arrive.
func (r *run) sendKey(d keyDatagram) error {
	for i := range answers {
		if i > 0 {
			if err := r.wait(answerGap); err != nil {
				return err
			}
		}
		n, err := r.keys.send(d, []byte(r.key))
		if err != nil {
			return err
		}
		r.countSent(n)
	}
	r.setEnd(Acted, nil)
	return nil
}

// checkSource refuses to send to an address that may be forged: anybody can forge the
// source of a datagram, but not that of a TCP connection.
func checkSource(datagram, connection netip.AddrPort) *Refusal {
	from, peer := canonical(datagram.Addr()), canonical(connection.Addr())
	switch {
	case from != peer:
		return refuse(badSource, "the datagram came from %v, the connection from %v", from, peer)
	case datagram.Port() == 0, datagram.Port() < 1024 && !from.IsLoopback():
		return refuse(badSource, "the datagram came from port %d, which may be the port of a service", datagram.Port())
	}
	return nil
}

// canonical removes what makes equal addresses different: the mapping of an IPv4
// address into IPv6, and the zone.
func canonical(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// keyDatagram is a datagram with a key.
type keyDatagram struct {
	text    []byte
	from    netip.AddrPort
	arrived sock.PktInfo // the local address, from which the answers are sent
	when    time.Time
}

// datagramConn has the methods of a *net.UDPConn that keyReceiver uses. As there, the
// counts of a failed read are -1.
type datagramConn interface {
	ReadMsgUDPAddrPort(b, oob []byte) (n, oobn, flags int, addr netip.AddrPort, err error)
	WriteMsgUDPAddrPort(b, oob []byte, addr netip.AddrPort) (n, oobn int, err error)
}

// keyReceiver is the agent's UDP socket, and the keys that runs wait for. It drops a
// datagram without a valid key. Each run has at most one key, so there are never more
// than Limits.Runs.
type keyReceiver struct {
	conn   datagramConn
	failed atomic.Uint64 // reads

	clock *clock.Clock

	mu       sync.Mutex
	keys     map[string]chan keyDatagram // of one datagram each
	sessions map[string]*stampSession    // by their keys
}

func newKeyReceiver(conn datagramConn) *keyReceiver {
	return &keyReceiver{conn: conn, clock: clock.New(), keys: make(map[string]chan keyDatagram), sessions: make(map[string]*stampSession)}
}

// expectOne makes the key of the run, and the run receives one datagram with it.
func (r *run) expectOne() { r.key, r.arrivals = r.keys.newKey() }

// newKey returns a new key, and a channel that receives at most one datagram with it.
func (k *keyReceiver) newKey() (key string, arrivals <-chan keyDatagram) {
	key = rand.Text()
	c := make(chan keyDatagram, 1)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys[key] = c
	return key, c
}

// remove makes a key invalid. It returns the channel of the key, or nil if the key is
// not valid.
func (k *keyReceiver) remove(key string) chan<- keyDatagram {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.keys[key]
	delete(k.keys, key)
	delete(k.sessions, key)
	return c
}

// receive delivers datagrams until the socket is closed or ctx is canceled. It counts
// the errors of the socket, and waits after each, because the next read may return the
// same error.
func (k *keyReceiver) receive(ctx context.Context) {
	text, control := make([]byte, maxDatagram), make([]byte, sock.ControlSize)
	var backoff time.Duration
	for ctx.Err() == nil {
		n, controlSize, _, from, err := k.conn.ReadMsgUDPAddrPort(text, control)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			k.failed.Add(1)
			backoff = min(max(2*backoff, minBackoff), maxBackoff)
			sleep(ctx, backoff)
			continue
		}
		backoff = 0
		received, _ := k.clock.Now()
		d := keyDatagram{text[:n], from, sock.ParseControl(control[:controlSize]), time.Now()}
		if session := k.session(d.text); session != nil {
			session.receive(d, received, k.send)
			continue
		}
		if n < DatagramSize {
			continue
		}
		if c := k.remove(string(text[:keySize])); c != nil {
			d.text = slices.Clone(d.text)
			c <- d
		}
	}
}

// The backoff after an error of the UDP socket. It doubles with each error.
const (
	minBackoff = 10 * time.Millisecond
	maxBackoff = time.Second
)

// sleep waits for d, or until ctx is canceled.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// send sends text to the source of d, from the local address that d was sent to.
func (k *keyReceiver) send(d keyDatagram, text []byte) (int, error) {
	control := make([]byte, sock.ControlSize)
	n, _, err := k.conn.WriteMsgUDPAddrPort(text, control[:sock.PutControl(control, d.arrived, d.from.Addr())], d.from)
	return max(n, 0), err
}
