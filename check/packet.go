package check

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// maxDatagram is a buffer size that holds any datagram.
const maxDatagram = 64 << 10

// attempts is how often a datagram is sent before it counts as lost: UDP does not
// guarantee delivery.
const attempts = 5

// packetSocket is a socket that exchanges datagrams with the target.
type packetSocket interface {
	peer() netip.AddrPort // where it sends to; not valid if the kernel checks the source of answers
	send(p []byte) error
	receive(buf []byte) (n int, from netip.AddrPort, err error)
	SetReadDeadline(time.Time) error
	Close() error
}

// connectedSocket receives only from the address that it sends to: the kernel drops
// other datagrams. The source that it returns is not valid.
type connectedSocket struct{ net.Conn }

func (c connectedSocket) peer() netip.AddrPort { return netip.AddrPort{} }

func (c connectedSocket) send(p []byte) error {
	_, err := c.Write(p)
	return err
}

func (c connectedSocket) receive(buf []byte) (int, netip.AddrPort, error) {
	n, err := c.Read(buf)
	return n, netip.AddrPort{}, err
}

// unconnectedSocket receives from any address and returns the source.
type unconnectedSocket struct {
	*net.UDPConn
	to netip.AddrPort
}

func (u unconnectedSocket) peer() netip.AddrPort { return u.to }

func (u unconnectedSocket) send(p []byte) error {
	_, err := u.WriteToUDPAddrPort(p, u.to)
	return err
}

func (u unconnectedSocket) receive(buf []byte) (int, netip.AddrPort, error) {
	n, from, err := u.ReadFromUDPAddrPort(buf)
	return n, unmapped(from), err
}

func openConnected(p *probe) (packetSocket, error) {
	ctx, cancel := p.withTimeout()
	defer cancel()
	conn, err := p.target.dialTarget().Dial(ctx)
	if err != nil {
		return nil, err
	}
	return connectedSocket{conn}, nil
}

// openPacket opens an unconnected socket, or a connected one if the target has a Dial.
func openPacket(p *probe) (packetSocket, error) {
	open, err := packetOpener(p)
	if err != nil {
		return nil, err
	}
	return open()
}

// packetOpener returns a function that opens sockets as openPacket does. It resolves the
// name of the target once, so that all sockets reach the same server.
func packetOpener(p *probe) (open func() (packetSocket, error), err error) {
	if p.target.Dial != nil {
		return func() (packetSocket, error) { return openConnected(p) }, nil
	}
	to, err := resolve(p)
	if err != nil {
		return nil, err
	}
	return func() (packetSocket, error) { return openUnconnected(to, 0) }, nil
}

// openUnconnected opens a socket that sends to that address, from the given port, or
// from any port if it is 0.
func openUnconnected(to netip.AddrPort, port int) (unconnectedSocket, error) {
	network := "udp4"
	if to.Addr().Is6() {
		network = "udp6"
	}
	conn, err := net.ListenUDP(network, &net.UDPAddr{Port: port})
	if err != nil {
		return unconnectedSocket{}, err
	}
	return unconnectedSocket{conn, to}, nil
}

// resolve returns the address that a connected socket would have, so that both kinds
// of sockets reach the same server.
func resolve(p *probe) (netip.AddrPort, error) {
	conn, err := openConnected(p)
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer conn.Close()
	addr, ok := conn.(connectedSocket).RemoteAddr().(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("%s has no address", p.target)
	}
	return unmapped(addr.AddrPort()), nil
}

// unmapped returns a with an IPv4 address in place of an IPv4-mapped IPv6 address.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// datagramProbe sends datagrams of one size from a socket of its own, so that no answer
// is mistaken for that to another size. It compares every answer and its source.
type datagramProbe struct {
	p      *probe
	number int // selects the payload
	size   int
	socket packetSocket
	buf    []byte
	sent   []sentDatagram
	back   int           // how many of sent came back unchanged
	rtt    time.Duration // the longest round trip
	err    error         // a *failure if an answer was wrong, or the error of the socket
}

type sentDatagram struct {
	data []byte
	at   time.Time
	back bool
}

func openDatagramProbe(p *probe, open func() (packetSocket, error), number, size int) (*datagramProbe, error) {
	socket, err := open()
	if err != nil {
		return nil, err
	}
	return &datagramProbe{p: p, number: number, size: size, socket: socket, buf: make([]byte, maxDatagram)}, nil
}

// send sends one more datagram, unless there was an error. Datagrams have different
// bytes: a server may ignore a source that repeats itself.
func (d *datagramProbe) send() {
	if d.err != nil {
		return
	}
	data := nextBytes(d.p.payload(d.number<<16|len(d.sent)), d.size)
	if err := d.socket.send(data); err != nil {
		d.err = fmt.Errorf("send: %w", err)
		return
	}
	d.sent = append(d.sent, sentDatagram{data: data, at: time.Now()})
}

// receive receives until every datagram is back, but not after deadline. Answers to
// datagrams that were sent before the last one count too, and what has arrived already
// is received after deadline, too: after its deadline, a socket returns nothing.
func (d *datagramProbe) receive(deadline time.Time) {
	if soon := time.Now().Add(20 * time.Millisecond); soon.After(deadline) {
		deadline = soon
	}
	for d.err == nil && d.back < len(d.sent) {
		d.socket.SetReadDeadline(deadline)
		n, from, err := d.socket.receive(d.buf)
		switch {
		case err == nil:
			d.add(d.buf[:n], from)
		case classify(err) == Timeout:
			return
		default:
			d.err = fmt.Errorf("receive: %w", err)
		}
	}
}

// add compares an answer with the datagrams that were sent. A second answer to one of
// them is ignored.
func (d *datagramProbe) add(got []byte, from netip.AddrPort) {
	equal := func(s sentDatagram) bool { return bytes.Equal(s.data, got) }
	match := slices.IndexFunc(d.sent, func(s sentDatagram) bool { return equal(s) && !s.back })
	if match < 0 {
		match = slices.IndexFunc(d.sent, equal)
	}
	if match < 0 { // it is wrong: compare it with the one that starts alike, or with the last one
		match = slices.IndexFunc(d.sent, func(s sentDatagram) bool {
			return len(got) >= shiftLen && bytes.HasPrefix(s.data, got[:shiftLen])
		})
	}
	if match < 0 {
		match = len(d.sent) - 1
	}
	sent := &d.sent[match]
	if isForeign(d.socket, got, from, sent.data) {
		return
	}
	if f := checkAnswer(d.socket, got, from, sent.data); f != nil {
		d.err = f
	} else if !sent.back {
		sent.back = true
		d.back++
		d.rtt = max(d.rtt, time.Since(sent.at))
	}
}

// awaitDatagrams receives what is on its way to probes: for twice as long as the longest
// round trip, and at least for a part of the timeout.
func awaitDatagrams(p *probe, probes []*datagramProbe) {
	wait := p.Timeout / attempts
	for _, d := range probes {
		wait = max(wait, min(2*d.rtt, p.Timeout))
	}
	deadline := time.Now().Add(wait)
	for _, d := range probes {
		d.receive(deadline)
	}
}

func (d *datagramProbe) tally() lossTally {
	return lossTally{sent: len(d.sent), lost: len(d.sent) - d.back}
}

// isForeign reports whether got has nothing to do with the datagram want: neither its
// source nor its bytes are right.
func isForeign(socket packetSocket, got []byte, from netip.AddrPort, want []byte) bool {
	to := socket.peer()
	return to.IsValid() && from.Addr() != to.Addr() && !bytes.Equal(got, want)
}

// checkAnswer compares an answer and its source with the datagram want. It returns nil
// if it is right.
func checkAnswer(socket packetSocket, got []byte, from netip.AddrPort, want []byte) *failure {
	if to := socket.peer(); to.IsValid() && from != to {
		f := fail(WrongSource, "sent to %v, answered by %v", to, from)
		f.got, f.want = from.String(), to.String()
		return f
	}
	both := min(len(got), len(want))
	if f := checkBytes(got[:both], want[:both:both], strings.NewReader(""), 0); f != nil {
		return f
	}
	switch {
	case len(got) < len(want):
		return failAt(int64(both), Truncated, "only the first %d bytes came back", both)
	case len(got) > len(want):
		return failAt(int64(both), ExtraBytes, "%d bytes came back", len(got))
	}
	return nil
}

// otherSource is the cause of a WrongSource in every rule.
var otherSource = Cause{
	Classes: []Class{WrongSource},
	Text:    "a server bound to all addresses lets the kernel choose the source, or answers from a second socket",
	Remedy:  "answer from the address that received the datagram (IP_PKTINFO, IPV6_PKTINFO), on the same socket",
}

// These are the causes of a wrong content in every rule.
var joinedDatagrams = Cause{
	Classes: []Class{ExtraBytes},
	Text:    "a server or a proxy that reads datagrams into a stream, and sends what came together as one datagram",
	Remedy:  "send each datagram on its own, with the length that it had",
}
var changedAnswer = Cause{
	Classes: []Class{Corrupt, Truncated},
	Text:    "a server of another protocol, or a program on the path that changes the content",
	Remedy:  "serve a plain echo (RFC 862); disable what rewrites datagrams, e.g. an application-level gateway of a NAT",
}

// smallBuffer is the cause of an answer that lost its end.
var smallBuffer = Cause{
	Classes: []Class{Truncated},
	Text:    "a receive buffer that is smaller than the datagram",
	Remedy:  "receive into 64 KiB",
}

// nothingBack is the cause when nothing comes back.
var nothingBack = Cause{
	Classes:  []Class{Silent},
	Evidence: []Evidence{NothingPassed},
	Text:     "the server has stopped, or it limits the rate of each source",
	Remedy:   "see whether the server still runs, and what it logs",
}
