package load

import (
	"slices"
	"testing"

	"echod/internal/dial"
)

func TestSlotDecidesWhatToDoWithDatagrams(t *testing.T) {
	runSlotCases(t, []slotCase{
		{"as many in flight as the depth", both(udp, depth(2)), func(r *slotRig) {
			r.up()
			r.receivedDatagram(r.time, r.sent[1])
			r.act()
		}, "connect, datagram, datagram, datagram", outcomes{due: 3, sent: 3, answered: 1}, nil},
		{"one that is lost is replaced", udp, func(r *slotRig) { r.up(); r.pass(1000 * ms); r.pass(1) },
			"connect, datagram, datagram", outcomes{due: 2, sent: 2, lost: 1}, nil},
		{"a late answer asks for nothing", udp, func(r *slotRig) {
			r.up()
			r.pass(1000*ms + 1)
			r.receivedDatagram(r.time, r.sent[0])
			r.act()
		}, "connect, datagram, datagram", outcomes{due: 2, sent: 2, lost: 1}, nil},
		{"an error may be about a datagram", both(udp, depth(2)), func(r *slotRig) {
			r.up()
			r.receiveFailed(r.time, dial.Refused)
			r.pass(1000*ms + 1)
		}, "connect, datagram, datagram, datagram, datagram", outcomes{due: 4, sent: 4, failed: 1, lost: 1}, Classes{dial.Refused: 1}},
		{"more errors than datagrams are the socket's", udp, func(r *slotRig) {
			r.up()
			r.receiveFailed(r.time, dial.Local)
			r.receiveFailed(r.time, dial.Local)
			r.act()
			r.pass(10 * ms)
			r.connect()
		}, "connect, datagram, disconnect, connect", outcomes{due: 1, sent: 1}, nil},
		{"the pause is short again after an answer", both(udp, depth(2)), func(r *slotRig) {
			r.up()
			for range 3 {
				r.receiveFailed(r.time, dial.Local)
			}
			r.act()
			r.pass(10 * ms)
			r.connect()
			r.receivedDatagram(r.time, r.sent[0])
			r.act()
			r.receiveFailed(r.time, dial.Local)
			r.act()
			r.pass(10 * ms)
		}, "connect, datagram, datagram, disconnect, connect, datagram, disconnect, connect",
			outcomes{due: 3, sent: 3, answered: 1}, nil},
		{"one that is sent late has its whole timeout", both(udp, openLoop), func(r *slotRig) {
			r.up()
			r.time, r.full = 900*ms, true
			r.scheduled(0, r.time)
			r.act()
			r.pass(1000 * ms)
			r.full = false
			r.act()
		}, "connect, datagram, datagram, datagram", outcomes{sent: 1}, nil},
		{"one that cannot be sent fails", both(udp, openLoop), func(r *slotRig) {
			r.up()
			r.fails = 1
			r.due()
			r.pass(1000*ms + 1)
		}, "connect, datagram", outcomes{due: 1, inTime: 1, failed: 1}, Classes{dial.Local: 1}},
		{"one that finds no space is sent later", both(udp, openLoop), func(r *slotRig) {
			r.up()
			r.full = true
			r.due()
			r.full = false
			r.act()
			r.receivedDatagram(r.time, r.sent[1])
			r.act()
		}, "connect, datagram, datagram", outcomes{due: 1, inTime: 1, sent: 1, answered: 1}, nil},
		{"a corrupt one has failed, and the others are waited for", both(udp, depth(3)), func(r *slotRig) {
			r.up()
			wrong := slices.Clone(r.sent[1])
			wrong[20] ^= 1
			r.receivedDatagram(r.time, wrong)
			r.receivedDatagram(r.time, r.sent[0])
			r.pass(1000*ms + 1)
		}, "connect, datagram, datagram, datagram", outcomes{due: 3, sent: 3, answered: 1, failed: 1, lost: 1}, Classes{dial.Corrupt: 1}},
		{"what is no answer ends the run, and no message", udp, func(r *slotRig) {
			r.up()
			r.receivedDatagram(r.time, []byte("wrong"))
			r.act()
			r.pass(1000*ms + 1)
		}, "connect, datagram", outcomes{due: 1, sent: 1, lost: 1}, nil},
		{"one that expires while it is sent is lost, whatever becomes of the send", both(udp, openLoop), func(r *slotRig) {
			r.up()
			r.tally.scheduled(r.time, r.time)
			r.scheduled(r.time, r.time)
			r.nextDatagram(r.time, make([]byte, 100))
			r.pass(1000*ms + 1)
			r.sendFailed(r.time, dial.Local)
			r.sendAgain()
		}, "connect", outcomes{due: 1, inTime: 1, lost: 1}, nil},
		{"at the end datagrams in flight are lost", both(udp, depth(2)), func(r *slotRig) {
			r.up()
			r.stop(r.time, dial.Timeout)
		}, "connect, datagram, datagram", outcomes{due: 2, sent: 2, lost: 2}, nil},
		{"datagrams that find no space wait until the timeout", both(udp, openLoop), func(r *slotRig) {
			r.up()
			r.full = true
			r.due()
			r.pass(1000*ms + 1)
		}, "connect, datagram", outcomes{due: 1, inTime: 1, failed: 1}, Classes{dial.Timeout: 1}},
	})
}
