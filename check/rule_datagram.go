package check

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"echod/internal/dial"
)

var datagramExact = Rule{
	ID:       "datagram/exact",
	Networks: datagrams,
	Sends:    "datagrams of 0, 1, 512, 1472, 2048, 2049, 4097, 9000 and 65507 bytes",
	Expects:  "each the same",
	Meaning:  "Datagrams of some sizes come back shorter, changed or not at all.",
	run:      runDatagramExact,
}

// datagramSizes are nothing, the least, the DNS limit, what fits an Ethernet
// frame, and common buffer sizes and a byte more, up to the most that UDP over
// IPv4 carries (65535 − 20 − 8).
var datagramSizes = []int{0, 1, 512, 1472, 2048, 2049, 4097, 9000, 65507}

// tries is how often a datagram is sent before its loss counts: UDP promises no
// delivery.
const tries = 5

func runDatagramExact(p *probe) error {
	errs := make([]error, len(datagramSizes))
	var wg sync.WaitGroup
	for i, n := range datagramSizes {
		wg.Go(func() { errs[i] = askExact(p, i, n) })
	}
	wg.Wait()
	return summary(p, errs)
}

// summary is the failure of the smallest size, and names the others.
func summary(p *probe, errs []error) error {
	var first error
	var broke, unsent []string
	for i, err := range errs {
		name := fmt.Sprintf("%d B", datagramSizes[i])
		switch {
		case dial.TooLong(err):
			unsent = append(unsent, name)
		case err != nil:
			broke = append(broke, name)
			if first == nil {
				first = inCase(name, err)
			}
		}
	}
	if f, ok := first.(*failure); ok && len(broke) > 1 {
		f.detail += "; not right were " + strings.Join(broke, ", ")
	}
	if len(unsent) > 0 {
		p.note("this machine does not send %s", strings.Join(unsent, ", "))
	}
	return first
}

// askExact has a socket of its own, so that a late answer to another size is
// not taken for this one's. Where the answer comes from is another rule's.
func askExact(p *probe, i, n int) error {
	socket, err := openPacket(p)
	if err != nil {
		return err
	}
	defer socket.Close()
	question := take(p.payload(i), n)
	answer, _, err := ask(p, socket, question)
	if err != nil {
		return err
	}
	return sameDatagram(answer, question)
}

func sameDatagram(got, want []byte) error {
	n := min(len(got), len(want))
	if f := differ(got[:n], want[:n:n], strings.NewReader(""), 0); f != nil {
		return f
	}
	switch {
	case len(got) < len(want):
		return failAt(int64(n), Truncated, "only the first %d bytes came back", n)
	case len(got) > len(want):
		return failAt(int64(n), ExtraBytes, "%d bytes came back", len(got))
	}
	return nil
}

var datagramSource = Rule{
	ID:       "datagram/source",
	Networks: datagrams,
	Sends:    "a datagram from a socket that takes answers from anywhere",
	Expects:  "the answer from the address that was asked",
	Meaning:  "The answer comes from an address that nobody asked: firewalls and connected sockets drop it.",
	run:      runDatagramSource,
}

func runDatagramSource(p *probe) error {
	if p.target.Dial != nil {
		return skipped("needs a socket that is not connected, and the target brings its own")
	}
	socket, err := openLoose(p)
	if err != nil {
		return err
	}
	defer socket.Close()
	_, from, err := ask(p, socket, take(p.payload(0), 64))
	if err != nil {
		return err
	}
	if to := socket.(loose).to; from != to {
		f := fail(WrongSource, "asked %v, answered by %v", to, from)
		f.got, f.want = from.String(), to.String()
		return f
	}
	return nil
}

// ask sends a datagram until there is an answer.
func ask(p *probe, socket packetSocket, question []byte) (answer []byte, from netip.AddrPort, err error) {
	answer = make([]byte, maxDatagram)
	for range tries {
		if err := socket.send(question); err != nil {
			return nil, from, fmt.Errorf("send: %w", err)
		}
		socket.SetReadDeadline(time.Now().Add(p.Timeout / tries))
		n, from, err := socket.receive(answer)
		if err == nil {
			return answer[:n], from, nil
		}
		if classify(err) != Timeout || p.ctx.Err() != nil {
			return nil, from, fmt.Errorf("receive: %w", err)
		}
	}
	return nil, from, fail(Silent, "%d times sent, never answered", tries)
}
