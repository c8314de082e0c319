//go:build linux

package simulation

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sys"
	"echod/internal/sys/sim"
)

// step does one step of the plan. rest are the steps that follow it.
func (r *run) step(s step, rest []step) {
	switch s.op {
	case pass:
		r.pass(s.d)
	case pauseFor:
		r.m.pause(s.d, func(k *sim.Kernel) {
			for _, s := range rest[:min(3, len(rest))] {
				r.peerStep(k, s)
			}
		})
	case sigterm:
		r.terminate()
	case dial, dialUnix:
		r.dial(s.op == dialUnix)
	case dialTLS:
		r.dialNotTLS(notTLS(s.n))
	case dialTLSClient:
		r.startTLSClient(s.n)
	case blockLog:
		r.log.reader.gate.block(s.duration())
	case blockManager:
		r.manager.disturb(s.duration(), false)
	case failManager:
		r.manager.disturb(0, s.n != 1)
	case queryPeers:
		r.queryPeers()
	default:
		r.m.change(func(k *sim.Kernel) { r.peerStep(k, s) })
	}
}

// peerStep does a step that needs only the kernel.
func (r *run) peerStep(k *sim.Kernel, s step) {
	switch s.op {
	case faultsOn:
		k.Choose, r.faulty, r.disturbed = chooser(r.plan.seed, r.plan.faults), true, true
	case faultsOff:
		k.Choose, r.faulty = nil, false
	case descriptors:
		k.NoFile = len(k.Open()) + 3 + s.n
		r.disturbed = true
	case breakCall:
		broken, errno := s.broken()
		k.Fault = func(call sim.Call) sys.Errno {
			if call == broken {
				return errno
			}
			return 0
		}
		r.disturbed = true
	case shutListener:
		if open := r.streamListeners(k); len(open) > 0 {
			k.ShutdownElsewhere(open[0], unix.SHUT_RDWR)
			r.shut, r.disturbed = true, true
		}
	case datagram:
		r.datagram(k, s)
	}
	if len(r.peers) == 0 {
		return
	}
	p := r.peers[s.peer%len(r.peers)]
	p.lastStep = time.Now()
	switch s.op {
	case sendUnread:
		p.Stall()
		p.stalled = true
		r.peerStep(k, step{op: send, peer: s.peer, n: s.n})
		p.CloseWrite()
	case send, sendUrgent:
		text := make([]byte, min(s.n, maxSent-len(p.Sent())))
		for i := range text {
			text[i] = byte((s.peer+1)*31 + (len(p.Sent())+i)*7 + (len(p.Sent())+i)>>8)
		}
		if s.op == sendUrgent {
			p.SendUrgent(text)
		} else {
			p.Send(text)
		}
	case halfClose:
		p.CloseWrite()
	case closePeer:
		p.Close()
	case reset:
		p.Reset()
	case stall:
		p.Stall()
		p.stalled = true
	case resume:
		p.Resume()
		p.stalled = false
	case readSome:
		p.Read(s.n)
	case spuriousOn, spuriousOff:
		p.SpuriousReady(pickCall(s), s.op == spuriousOn)
		r.disturbed = true
	}
}

// streamListeners returns the listening sockets.
func (r *run) streamListeners(k *sim.Kernel) (open []int) {
	for _, fd := range k.Open() {
		if k.Listening(fd) {
			open = append(open, fd)
		}
	}
	return open
}

// queryPeers asks the service for its peers, as its page does. It must always answer.
func (r *run) queryPeers() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	peers, err := r.service.Peers(ctx, 3)
	if err != nil {
		r.problem("the query of the peers fails with %v", err)
	}
	if len(peers) > 6 {
		r.problem("the query of the first 3 in two orders returns %d peers", len(peers))
	}
}

// pickCall returns the call that a step makes fail with EAGAIN.
func pickCall(s step) sim.Call {
	if s.n%2 == 0 {
		return sim.Recv
	}
	return sim.Send
}

// maxSent is how many bytes one peer sends at most, so that a run is short.
const maxSent = 20_000

func (r *run) dial(local bool) {
	if _, err := os.Lstat(r.specs["unix"].Path); local && err != nil {
		return // connect(2) fails with ENOENT; the file is not part of the simulated kernel
	}
	r.m.change(func(k *sim.Kernel) {
		p := &simPeer{network: "tcp", at: time.Now()}
		if local {
			p.network, p.Peer = "unix", k.DialUnix(r.specs["unix"].Path)
		} else {
			p.Peer = k.Dial(r.specs["tcp"].Addr.Port())
		}
		r.peers = append(r.peers, p)
	})
}

// dialNotTLS connects to the tls listener and sends that.
func (r *run) dialNotTLS(first []byte) {
	if _, ok := r.specs["tls"]; !ok {
		return
	}
	r.m.change(func(k *sim.Kernel) {
		p := &simPeer{network: "tls", at: time.Now(), Peer: k.Dial(r.specs["tls"].Addr.Port())}
		p.Send(first)
		r.peers = append(r.peers, p)
	})
}

func (r *run) datagram(k *sim.Kernel, s step) {
	spec, ok := r.specs["udp"]
	if !ok {
		return
	}
	from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(s.peer))
	train := sim.Datagram{From: from, To: spec.Addr, Payload: []byte(strings.Repeat(string(rune('a'+s.n%26)), s.n))}
	train.Segment = []int{0, 1 + s.n/9, 1 + s.n*2/3}[s.peer%3]
	if !k.Deliver(train) {
		return
	}
	for size := range trainSizes(train) {
		r.delivered[fmt.Sprint(from, size)]++
	}
}

// trainSizes returns the size of each datagram of a train.
func trainSizes(train sim.Datagram) iter.Seq[int] {
	return func(yield func(int) bool) {
		left := len(train.Payload)
		if train.Segment == 0 || left == 0 {
			yield(left)
			return
		}
		for ; left > 0 && yield(min(left, train.Segment)); left -= train.Segment {
		}
	}
}
