package agent

import (
	"net"
	"net/netip"
	"time"
)

const (
	// keyLife is how long a key is valid.
	keyLife = 10 * time.Second
	// answerGap lies between two copies, so that one burst does not lose all.
	answerGap = 50 * time.Millisecond
)

// datagramLate waits for the datagram that brings the run's key, says on the
// connection that it came, and ends its own direction there: the connection is
// not needed any more, and a path that drops silent ones may have it. After the
// delay it sends the key to where the datagram came from.
func (r *run) datagramLate() error {
	d, err := r.receiveKey()
	if err != nil {
		return err
	}
	if refusal := checkSender(d.from, r.conn.RemoteAddr().(*net.TCPAddr).AddrPort()); refusal != nil {
		r.saw(Error, refusal)
		_, err := r.conn.Write(answerRefusal(refusal))
		return err
	}
	if _, err := r.conn.Write(answerOK(nil)); err != nil {
		return err
	}
	if err := r.conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return err
	}
	if err := r.wait(r.script.delay - time.Since(d.when)); err != nil {
		return err
	}
	return r.answerKey(d)
}

// receiveKey returns the datagram with the run's key, if it arrives while the key
// is valid.
func (r *run) receiveKey() (keyDatagram, error) {
	defer r.keys.remove(r.key)
	timer := time.NewTimer(keyLife)
	defer timer.Stop()
	select {
	case d := <-r.arrivals:
		r.count(d.text)
		return d, nil
	case <-timer.C:
		return keyDatagram{}, errKey
	case <-r.ctx.Done():
		return keyDatagram{}, r.cutOff()
	}
}

// answerKey sends the copies, and gives up at the first error. Only the client
// can see whether they arrive.
func (r *run) answerKey(d keyDatagram) error {
	for i := range answers {
		if i > 0 {
			if err := r.wait(answerGap); err != nil {
				return err
			}
		}
		n, err := r.keys.send(d, r.key)
		if err != nil {
			return err
		}
		r.mu.Lock()
		r.report.Sent += int64(n)
		r.mu.Unlock()
	}
	r.saw(Acted, nil)
	return nil
}

// checkSender refuses to send to an address that might not have asked. Anybody can write
// another's address onto a datagram, but not open a connection from there.
func checkSender(datagram, connection netip.AddrPort) *Refusal {
	from, peer := plain(datagram.Addr()), plain(connection.Addr())
	switch {
	case from != peer:
		return refuse(badSource, "the datagram came from %v, the connection from %v", from, peer)
	case datagram.Port() == 0, datagram.Port() < 1024 && !from.IsLoopback():
		return refuse(badSource, "the datagram came from port %d, which may be a service's", datagram.Port())
	}
	return nil
}

// plain is addr without what makes equal addresses look different: the mapping
// of an IPv4 address into IPv6, and the zone.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }
