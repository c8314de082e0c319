package enginetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"

	"echod/internal/accept"
	"echod/internal/engine"
	"echod/internal/sock"
)

// baselineCases measure the whole process: descriptors, goroutines, allocations.
var baselineCases = []testCase{
	{
		name:    "500 resets leave no descriptor and no goroutine behind",
		promise: "P3: descriptors, goroutines and streams return to their baseline",
		on:      "tcp tls",
		alone:   true,
		run:     manyResets,
	},
	{
		name:    "Shutdown leaves no descriptor and no goroutine behind",
		promise: "P3: on its return every descriptor is closed, and soon every goroutine has ended",
		alone:   true,
		run:     shutdownLeavesNothing,
	},
}

func manyResets(t trial) {
	s := t.serve(engine.Config{})
	t.dial(s).echo(1)
	descriptors, goroutines := openDescriptors(t), runtime.NumGoroutine()
	const resets = 500
	for i := range resets {
		p := t.dial(s)
		switch i % 3 {
		case 0: // before it sends anything
		case 1:
			p.echo(100)
		case 2: // with bytes on their way
			p.send(1000)
		}
		p.abort()
	}
	s.waitFor("all resets are accepted", func(st engine.Stats) bool {
		return st.Accepted+st.Accepts[accept.Aborted] == resets+1
	})
	s.waitBalanced(1)
	t.wantBaseline(descriptors, goroutines)
}

func shutdownLeavesNothing(t trial) {
	descriptors, goroutines := openDescriptors(t), runtime.NumGoroutine()
	var cfg engine.Config
	for _, network := range t.engine.Caps().Networks {
		cfg.Listeners = append(cfg.Listeners, t.listener(network))
	}
	s := t.serve(cfg)
	var clients []net.Conn
	for _, spec := range s.Listeners() {
		p := t.peer(connect(&net.Dialer{Timeout: waitLimit}, spec))
		p.echo(100)
		clients = append(clients, p)
	}
	now, cancel := context.WithCancel(context.Background())
	cancel()
	s.Shutdown(now)
	for _, c := range clients {
		c.Close()
	}
	if n := openDescriptors(t); n > descriptors {
		t.Errorf("descriptors right after Shutdown: got %d, want %d as before New", n, descriptors)
	}
	t.wantBaseline(descriptors, goroutines)
}

// wantBaseline waits until there are no more descriptors and goroutines than before.
func (t trial) wantBaseline(descriptors, goroutines int) {
	t.Helper()
	t.eventually(func() bool { return openDescriptors(t) <= descriptors },
		"%d descriptors are open, as before", descriptors)
	t.eventually(func() bool { return runtime.NumGoroutine() <= goroutines },
		"%d goroutines run, as before", goroutines)
}

// openDescriptors returns the number of descriptors of this process.
func openDescriptors(t trial) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// socketCases test what other programs do to sockets.
var socketCases = []testCase{
	{
		name:    "urgent data is echoed in its place",
		promise: "S1, S2: a client receives what it sent, each urgent byte in its place",
		on:      "tcp unix",
		run:     urgentData,
	},
	{
		name:    "a single urgent byte is echoed and causes no busy loop",
		promise: "S1, P2: an urgent byte is echoed like any other, and the server does not spin",
		on:      "tcp unix",
		run:     loneUrgentByte,
	},
	{
		name:    "an inherited listener that its owner shuts down causes no busy loop",
		promise: "P1, P2: every accept fails, so the listener pauses between two calls",
		run:     listenerShutDown,
	},
	{
		name:    "a stream stays open until its peer has the last bytes",
		promise: "S2, S7: without a stall timeout a stream stays open until its peer has received everything",
		traced:  true,
		run:     lastBytes,
	},
	{
		name:    "bytes that arrived while the process was stopped count against the idle timeout",
		promise: "S7: the idle timeout does not reset a peer that has sent bytes while the process was stopped",
		on:      "tcp unix",
		run:     spokeWhileStopped,
	},
}

// writeFlags sends text with the flags of send(2).
func (p *peer) writeFlags(text []byte, flags int) error {
	raw, err := p.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	var sendErr error
	err = raw.Write(func(fd uintptr) bool {
		_, sendErr = syscall.SendmsgN(int(fd), text, nil, nil, flags)
		return sendErr != syscall.EAGAIN
	})
	return errors.Join(err, sendErr)
}

// needUrgent skips the trial if the kernel has no urgent data on its network.
func (t trial) needUrgent(err error) {
	t.Helper()
	if errors.Is(err, syscall.EOPNOTSUPP) {
		t.Skipf("this kernel has no urgent data on %s sockets: %v", t.network, err)
	}
	if err != nil {
		t.Fatalf("send urgent data: %v", err)
	}
}

// urgentData sends pieces of random sizes, some of them with MSG_OOB: then their last byte
// is urgent (tcp(7), unix(7)).
func urgentData(t trial) {
	s := t.serve(engine.Config{})
	for seed := range uint64(60) {
		chance := rand.New(rand.NewPCG(seed, 0))
		p := t.dial(s)
		var sent []byte
		for range 1 + chance.IntN(12) {
			piece := make([]byte, 1+chance.IntN(1+chance.IntN(3000)))
			for i := range piece {
				piece[i] = byte(chance.Uint32())
			}
			flags := 0
			if chance.IntN(2) == 0 {
				flags = syscall.MSG_OOB
			}
			t.needUrgent(p.writeFlags(piece, flags))
			sent = append(sent, piece...)
			if chance.IntN(3) == 0 { // sometimes the server has echoed all before more is sent
				if got, err := readAtLeast(p.Conn, len(sent)-int(p.received)); err != nil || !bytes.Equal(got, sent[p.received:]) {
					t.Fatalf("seed %d: got %v and %s", seed, err, difference(got, sent[p.received:]))
				}
				p.received = int64(len(sent))
			}
		}
		p.halfClose()
		got, err := io.ReadAll(p.Conn)
		if err != nil || !bytes.Equal(got, sent[p.received:]) {
			t.Fatalf("seed %d: got %v and %s, want an end of file and all bytes", seed, err, difference(got, sent[p.received:]))
		}
	}
}

func readAtLeast(r io.Reader, n int) ([]byte, error) {
	got := make([]byte, n)
	n, err := io.ReadFull(r, got)
	return got[:n], err
}

// difference returns where got differs from want, in words.
func difference(got, want []byte) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("%d of %d bytes, the first wrong one at %d", len(got), len(want), i)
		}
	}
	return fmt.Sprintf("%d of %d bytes, all right", len(got), len(want))
}

func loneUrgentByte(t trial) {
	s := t.serve(engine.Config{Loops: 1})
	p := t.dial(s)
	t.needUrgent(p.writeFlags([]byte{'!'}, syscall.MSG_OOB))
	if got, err := readAtLeast(p.Conn, 1); err != nil || got[0] != '!' {
		t.Fatalf("got %q and %v, want the byte", got, err)
	}
	st := s.waitQuiet()
	for range 3 { // the connection is open and silent
		next := s.waitQuiet()
		for i, l := range next.Loops {
			if turned := l.Turns - st.Loops[i].Turns; turned > 100 {
				t.Errorf("loop %d had %d iterations with nothing to do, want a few", i, turned)
			}
		}
		st = next
	}
	p.halfClose()
	if rest, err := io.ReadAll(p.Conn); err != nil || len(rest) != 0 {
		t.Errorf("after a half-close: got %q and %v, want an end of file", rest, err)
	}
}

// listenerShutDown waits for a few accept errors. They must have taken as long as the
// pauses between them.
func listenerShutDown(t trial) {
	var plain net.ListenConfig
	plain.SetMultipathTCP(false)
	owner, err := plain.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	file, err := owner.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	l := t.listener("tcp")
	l.File, l.Spec.Addr = file, owner.Addr().(*net.TCPAddr).AddrPort()
	s := t.serve(engine.Config{Listeners: []engine.Listener{l}})
	t.dial(s).echo(10)

	began := time.Now()
	if err := syscall.Shutdown(int(file.Fd()), syscall.SHUT_RDWR); err != nil {
		t.Fatal(err)
	}
	const tries = 4
	st := s.waitFor("accept has failed some times", func(st engine.Stats) bool { return st.Accepts[accept.Other] >= tries })
	if took, pauses := time.Since(began), 700*time.Millisecond; took < pauses {
		t.Errorf("%d failures took %v, want the pauses between them, %v", st.Accepts[accept.Other], took, pauses)
	}
	for i, l := range st.Loops {
		if l.Turns > 1000 {
			t.Errorf("loop %d had %d iterations, want a few", i, l.Turns)
		}
	}
}

func spokeWhileStopped(t trial) {
	const clients = 60
	const idle = 5 * time.Second
	c := t.spawn(childConfig{IdleTimeout: idle})
	peers := make([]*peer, clients)
	for i := range peers {
		peers[i] = t.dial(c)
	}
	for _, p := range peers {
		p.echo(10)
	}
	c.stop()
	for _, p := range peers {
		p.send(10)
	}
	time.Sleep(idle + time.Second) // longer than the idle timeout
	c.signal(syscall.SIGCONT)
	for _, p := range peers {
		p.receive(10)
	}
}

// lastBytes has the kernel hold the last bytes of a stream for a peer that does not read.
func lastBytes(t trial) {
	s := t.serve(engine.Config{StallTimeout: -1})
	reads, leaves := t.dialNarrow(s), t.dialNarrow(s)
	for _, p := range []*peer{reads, leaves} {
		p.send(12 << 10)
		p.halfClose()
	}
	s.waitFor("both streams have sent everything", func(st engine.Stats) bool { return st.Finishing == 2 })
	reads.wantWhole()
	leaves.abort()
	st := s.waitIdle()
	if st.Closes[engine.Finished] != 1 || st.Closes[engine.PeerReset] != 1 || st.Finishing != 0 {
		t.Errorf("causes of close: got %s, want one finished and one peer-reset", causes(st))
	}
}

// wireCases test a network that drops packets.
var wireCases = []testCase{
	{
		name:    "a peer that vanished without a FIN is found and counted",
		promise: "P3: a peer that vanished without a FIN is found: by keepalive if it is silent, by the stall timeout if bytes are owed",
		run:     deadPeers,
	},
}

// deadPeers drops all packets of a silent client and of one with owed bytes in the
// server's memory. (If the kernel has all owed bytes, only the kernel finds the dead peer,
// when it gives up retransmitting: tcp(7), tcp_retries2.)
func deadPeers(t trial) {
	t.ownNetwork()
	s := t.serve(engine.Config{
		StallTimeout: 2 * time.Second,
		KeepAlive:    sock.KeepAlive{Idle: time.Second, Interval: time.Second, Count: 2},
	})
	silent, owed := t.dial(s), t.dialNarrow(s)
	silent.echo(10)
	owed.flood(64 << 20)
	s.waitQuiet()
	t.configure("iptables -A INPUT -p tcp -j DROP")

	var want [len(engine.Stats{}.Closes)]uint64
	want[engine.PeerLost], want[engine.Stalled] = 1, 1
	if st := s.waitIdle(); st.Closes != want {
		t.Errorf("causes of close: got %s, want the silent peer lost and the other one stalled", causes(st))
	}
}
