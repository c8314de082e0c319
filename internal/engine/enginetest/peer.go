package enginetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"echod/internal/engine"
	"echod/internal/sock"
)

// peer is a client that checks every byte it receives. It sends pseudo-random bytes
// that its seed determines, and compares what it receives with the same bytes. One
// goroutine may send while another receives.
type peer struct {
	net.Conn
	t        trial
	sending  *rand.ChaCha8
	chunk    [stride]byte // the last bytes generated
	unsent   []byte       // those of them that the kernel did not take
	owed     *rand.ChaCha8
	sent     atomic.Int64
	received int64
	// cut reports whether sending got a reset. The kernel reports a reset once, so
	// the receiver may get only an end of file.
	cut     atomic.Bool
	stuck   bool           // a Write under TLS has not returned yet
	writing sync.WaitGroup // goroutines that send in the background
}

// seeds is the last seed. Each peer has its own, so that a peer which receives the bytes
// of another one notices.
var seeds atomic.Uint64

// target is a server to connect to.
type target interface{ address() sock.Spec }

// dial connects to a server. The peer is closed when the trial is over.
func (t trial) dial(to target) *peer {
	t.Helper()
	return t.peer(connectTo(to))
}

// dialNarrow connects with such small buffers that little is on its way.
func (t trial) dialNarrow(to target) *peer {
	t.Helper()
	return t.peer(connect(&net.Dialer{Timeout: waitLimit, Control: narrow}, to.address()))
}

// connectTo opens a connection that the caller closes.
func connectTo(to target) (net.Conn, error) {
	return connect(&net.Dialer{Timeout: waitLimit}, to.address())
}

func connect(d *net.Dialer, spec sock.Spec) (net.Conn, error) {
	switch spec.Network {
	case "unix":
		return d.Dial("unix", spec.Path)
	case "tls":
		return connectTLS(d, spec)
	}
	return d.Dial(spec.Network, spec.Addr.String())
}

// tryEcho connects and has one byte echoed. A server that refuses may reset the
// connection before or after it is made.
func (t trial) tryEcho(to target) (*peer, error) {
	t.Helper()
	conn, err := connectTo(to)
	if err != nil {
		return nil, err
	}
	p := t.peer(conn, nil)
	if err := p.write(1); err != nil {
		return p, err
	}
	return p, p.read(1)
}

// peer returns a peer for a new connection.
func (t trial) peer(conn net.Conn, err error) *peer {
	t.Helper()
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	p := newPeer(t, conn)
	t.Cleanup(func() {
		p.Close()
		p.writing.Wait()
	})
	return p
}

func newPeer(t trial, conn net.Conn) *peer {
	var seed [32]byte
	n := seeds.Add(1)
	for i := range 8 {
		seed[i] = byte(n >> (8 * i))
	}
	conn.SetDeadline(time.Now().Add(2 * waitLimit))
	return &peer{Conn: conn, t: t, sending: rand.NewChaCha8(seed), owed: rand.NewChaCha8(seed)}
}

// stride is how much a peer sends or receives at once.
const stride = 16 << 10

// write sends the next n bytes.
func (p *peer) write(n int) error {
	for n > 0 {
		if len(p.unsent) == 0 {
			p.unsent = p.chunk[:min(n, stride)]
			p.sending.Read(p.unsent)
		}
		m, err := p.Conn.Write(p.unsent[:min(n, len(p.unsent))])
		p.unsent = p.unsent[m:]
		p.sent.Add(int64(m))
		n -= m
		if isReset(err) {
			p.cut.Store(true)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// read receives the next n bytes and compares them with those that were sent.
func (p *peer) read(n int) error {
	buf := make([]byte, min(n, stride))
	for n > 0 {
		m, err := p.readSome(buf[:min(n, len(buf))])
		n -= m
		if err == io.EOF && n > 0 {
			return fmt.Errorf("end of file after %d bytes of %d: %w", p.received, p.sent.Load(), io.ErrUnexpectedEOF)
		}
		if err != nil && n > 0 {
			return err
		}
	}
	return nil
}

// readSome receives at most one buffer and compares it with what was sent.
func (p *peer) readSome(buf []byte) (int, error) {
	p.SetReadDeadline(time.Now().Add(2 * waitLimit))
	n, err := p.Conn.Read(buf)
	want := make([]byte, n)
	p.owed.Read(want)
	if !bytes.Equal(buf[:n], want) {
		at := 0
		for buf[at] == want[at] {
			at++
		}
		return n, fmt.Errorf("byte %d: got %#02x, want %#02x as it was sent", p.received+int64(at), buf[at], want[at])
	}
	p.received += int64(n)
	if sent := p.sent.Load(); p.received > sent+stride { // a chunk is counted after it is on its way
		return n, fmt.Errorf("received %d bytes, sent only %d", p.received, sent)
	}
	return n, err
}

// finish receives until the end. It returns nil for an end of file and the error for any
// other end.
func (p *peer) finish() error {
	buf := make([]byte, stride)
	for {
		switch _, err := p.readSome(buf); {
		case err == io.EOF, err == errNoNotify:
			if p.writing.Wait(); p.cut.Load() {
				return syscall.ECONNRESET
			}
			if err == errNoNotify {
				return err
			}
			return nil
		case err != nil:
			return err
		}
	}
}

// send sends n bytes or fails the trial.
func (p *peer) send(n int) {
	p.t.Helper()
	p.SetWriteDeadline(time.Now().Add(2 * waitLimit))
	if err := p.write(n); err != nil {
		p.t.Fatalf("send after %d bytes: %v", p.sent.Load(), err)
	}
}

// receive receives n bytes or fails the trial.
func (p *peer) receive(n int) {
	p.t.Helper()
	if err := p.read(n); err != nil {
		p.t.Fatalf("receive after %d bytes: %v", p.received, err)
	}
}

// echo sends n bytes and receives them back.
func (p *peer) echo(n int) {
	p.t.Helper()
	p.send(n)
	p.receive(n)
}

// halfClose ends sending. The peer can still receive.
func (p *peer) halfClose() {
	p.t.Helper()
	if p.stuck {
		p.writing.Go(func() { p.closeWrite() })
		return
	}
	if err := p.closeWrite(); err != nil {
		p.t.Fatalf("shutdown for writing: %v", err)
	}
}

func (p *peer) closeWrite() error {
	err := p.Conn.(interface{ CloseWrite() error }).CloseWrite()
	if isReset(err) { // of sending the close_notify
		p.cut.Store(true)
	}
	return err
}

// abort closes the connection with a reset.
func (p *peer) abort() {
	if tcp := p.tcp(); tcp != nil {
		tcp.SetLinger(0)
	}
	p.Close()
}

// tcp returns the TCP connection, the one below TLS if there is TLS, or nil.
func (p *peer) tcp() *net.TCPConn {
	switch c := p.Conn.(type) {
	case *net.TCPConn:
		return c
	case *tlsClient:
		return c.bare.TCPConn
	}
	return nil
}

// deliver sends n bytes and a FIN in the background.
func (p *peer) deliver(n int) {
	p.writing.Go(func() {
		if p.write(n) == nil {
			p.closeWrite()
		}
	})
}

// flood sends at most limit bytes in the background. As nothing is received, it blocks
// when the buffers are full.
func (p *peer) flood(limit int) {
	p.writing.Go(func() { p.write(limit) })
}

// wantWhole receives the rest. It fails the trial unless that is everything that was
// sent, and then an end of file.
func (p *peer) wantWhole() {
	p.t.Helper()
	if err := p.finish(); err != nil {
		p.t.Fatalf("got %v after %d bytes of %d, want all of them and an end of file", err, p.received, p.sent.Load())
	}
	if p.received != p.sent.Load() {
		p.t.Fatalf("got an end of file after %d bytes of %d, want it after all of them", p.received, p.sent.Load())
	}
}

// wantReset receives the rest. It fails the trial unless the end is a reset.
func (p *peer) wantReset() {
	p.t.Helper()
	if err := p.finish(); !isReset(err) {
		end := fmt.Sprint(err)
		if err == nil {
			end = "an end of file"
		}
		p.t.Fatalf("got %s after %d bytes of %d, want a reset", end, p.received, p.sent.Load())
	}
}

// fill sends until the kernel takes no more bytes and the server, whose counters stats
// returns, receives no more.
func (p *peer) fill(stats func() engine.Stats) {
	p.t.Helper()
	if _, ok := p.Conn.(*tlsClient); ok {
		p.fillTLS(stats)
		return
	}
	defer p.SetDeadline(time.Now().Add(2 * waitLimit))
	const looks, pause = 10, 10 * time.Millisecond
	last, same := stats().BytesIn, 0
	p.t.eventually(func() bool {
		p.SetWriteDeadline(time.Now().Add(pause))
		before := p.sent.Load()
		if err := p.write(stride); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			p.t.Fatalf("send after %d bytes: %v", p.sent.Load(), err)
		}
		now := stats().BytesIn
		if same++; p.sent.Load() != before || now != last {
			same = 0
		}
		last = now
		return same > looks
	}, "the server receives no more bytes")
}

// wantHonest receives the rest. It fails the trial if there is an end of file before
// everything that was sent.
func (p *peer) wantHonest() {
	p.t.Helper()
	if err := p.finish(); !isReset(err) && (err != nil || p.received != p.sent.Load()) {
		p.t.Fatalf("got end %v after %d bytes of %d, want a reset, or all of them", err, p.received, p.sent.Load())
	}
}

// isReset reports whether err is a reset. EPIPE is not: a sender gets it after a FIN too.
func isReset(err error) bool { return errors.Is(err, syscall.ECONNRESET) }
