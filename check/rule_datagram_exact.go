package check

import (
	"fmt"
	"strings"
	"sync"

	"echod/internal/dial"
)

var datagramExact = Rule{
	ID:       "datagram/exact",
	Networks: datagrams,
	Sends:    "datagrams of 0, 1, 512, 1472, 2048, 2049, 4097, 9000 and 65507 bytes",
	Expects:  "each of them unchanged",
	Meaning:  "Datagrams of some sizes come back shorter, changed or not at all.",
	Causes: []Cause{
		{
			Classes: []Class{Truncated},
			Text:    "a receive buffer that is smaller than the datagram",
			Remedy:  "receive into 64 KiB",
		},
		{
			Classes: []Class{Silent},
			Text:    "fragments dropped on the path, an empty datagram that is ignored, or a limit on the size",
			Remedy:  "allow fragments, or send less than the MTU of the path; answer empty datagrams, too",
		},
	},
	run: runDatagramExact,
}

// datagramSizes are the smallest size, the DNS limit, what fits into an Ethernet
// frame, common buffer sizes and one byte more, and the largest that UDP over IPv4
// carries (65535 − 20 − 8).
var datagramSizes = []int{0, 1, 512, 1472, 2048, 2049, 4097, 9000, 65507}

func runDatagramExact(p *probe) error {
	errs := make([]error, len(datagramSizes))
	var wg sync.WaitGroup
	for i, n := range datagramSizes {
		wg.Go(func() { errs[i] = exchangeSize(p, i, n) })
	}
	wg.Wait()
	// The failure is that of the smallest size, and names the others.
	var first error
	var failed, unsent []string
	for i, err := range errs {
		name := fmt.Sprintf("%d B", datagramSizes[i])
		switch {
		case dial.TooLong(err):
			unsent = append(unsent, name)
		case err != nil:
			failed = append(failed, name)
			if first == nil {
				first = inCase(name, err)
			}
		}
	}
	if f, ok := first.(*failure); ok && len(failed) > 1 {
		f.detail += "; sizes that failed: " + strings.Join(failed, ", ")
	}
	if len(unsent) > 0 {
		p.setNote("this machine does not send %s", strings.Join(unsent, ", "))
	}
	return first
}

// exchangeSize uses a socket of its own, so that a late answer to another size is not
// mistaken for the answer to this one. datagram/source checks where the answer is from.
func exchangeSize(p *probe, i, n int) error {
	socket, err := openPacket(p)
	if err != nil {
		return err
	}
	defer socket.Close()
	want := nextBytes(p.payload(i), n)
	got, _, err := exchangeDatagram(p, socket, want)
	if err != nil {
		return err
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
