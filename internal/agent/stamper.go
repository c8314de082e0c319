package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"echod/internal/clock"
	"echod/internal/dial"
)

// Stamper makes sockets whose datagrams the agent stamps, and counts over all of them what was
// lost in which direction. Each socket has a run of the scenario timestamps. Its methods may be
// called from any goroutine.
type Stamper struct {
	ctx    context.Context
	client *Client
	udp    dial.Target
	clock  *clock.Clock
	ending sync.WaitGroup // sockets that were closed and have no report yet

	mu     sync.Mutex
	counts StampCounts
}

// NewStamper returns a Stamper that has no socket. Udp is the agent's UDP port. The end of ctx
// ends what waits for the agent.
func NewStamper(ctx context.Context, client *Client, udp dial.Target) *Stamper {
	return &Stamper{ctx: ctx, client: client, udp: udp, clock: clock.New()}
}

// StampCounts says what became of the datagrams of a Stamper.
type StampCounts struct {
	Sent        int64 // by this system's kernel
	There, Back DatagramCounts
	// Lost datagrams, by direction. Unknown are those after the last answer, if the agent
	// could not be asked what had arrived; Err says why.
	LostThere, LostBack, LostUnknown int64
	Err                              error
}

// Dial makes a socket: a [dial.StampedConn]. The error is a *Refusal if the agent refuses.
func (s *Stamper) Dial(ctx context.Context) (net.Conn, error) {
	run, err := s.client.Start(ctx, Timestamps, "", nil)
	if err != nil {
		return nil, err
	}
	udp := s.udp
	if udp.Address == s.client.Target.Address {
		udp.Address = run.RemoteAddr().String() // a name may have several: the agent wants one source
	}
	conn, err := udp.Dial(ctx)
	if err != nil {
		run.Close()
		return nil, err
	}
	c := &stampedConn{
		Conn: conn, stamper: s, run: run, clock: s.clock, in: make([]byte, maxDatagram),
		spentAt: time.Now().Add(time.Duration(run.limits.MaxMS) * time.Millisecond * 8 / 10), maxBytes: run.limits.MaxBytes * 8 / 10,
	}
	s.ending.Go(c.watch)
	return c, nil
}

// Counts waits until the agent has said what arrived, or cannot be asked, and returns the sums
// of all sockets that were closed.
func (s *Stamper) Counts() StampCounts {
	s.ending.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// stampedConn is a socket of a Stamper. One goroutine reads from it, and another one may write
// at the same time.
type stampedConn struct {
	net.Conn
	stamper  *Stamper
	run      *Conn
	clock    *clock.Clock
	spentAt  time.Time
	maxBytes int64
	in, out  []byte

	mu      sync.Mutex
	closed  bool
	err     error // why the agent ended the run
	bytes   int64 // written
	sent    uint64
	back    window // of the agent's numbers
	counts  DatagramCounts
	lastSeq uint64 // of the answer with the agent's highest number
}

// Spent implements [dial.StampedConn]: a run is replaced before it reaches a limit.
func (c *stampedConn) Spent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().After(c.spentAt) || c.bytes > c.maxBytes
}

func (c *stampedConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	err := c.err
	c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	c.out = append(append(append(c.out[:0], c.run.Key...), make([]byte, StampSize-keySize)...), p...)
	stamp{seq: c.sent + 1}.put(c.out, fromClient)
	n, err := c.Conn.Write(c.out)
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	c.sent++
	c.bytes += int64(n)
	c.mu.Unlock()
	return len(p), nil
}

func (c *stampedConn) Read(p []byte) (int, error) {
	n, _, err := c.ReadStamps(p)
	return n, err
}

// ReadStamps implements [dial.StampedConn]. A datagram that the agent did not stamp has no
// stamps.
func (c *stampedConn) ReadStamps(p []byte) (int, dial.Stamps, error) {
	n, err := c.Conn.Read(c.in)
	_, local := c.clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		if c.err != nil && !c.closed {
			err = c.err
		}
		return 0, dial.Stamps{}, err
	}
	key, stamp, err := parseStamp(c.in[:n], fromAgent)
	if err != nil || key != c.run.Key || stamp.seq > c.sent+1 || stamp.count == 0 || stamp.count > c.sent+1 {
		return copy(p, c.in[:n]), dial.Stamps{}, nil
	}
	if stamp.count > c.back.highest {
		c.lastSeq = stamp.seq
	}
	c.back.add(stamp.count, &c.counts)
	return copy(p, c.in[StampSize:n]), dial.Stamps{
		Received: stamp.received, Answered: stamp.answered, Stepped: time.Duration(stamp.stepped), Local: local,
	}, nil
}

// watch waits for the end of the run. If the agent ends it, what is read next returns why.
func (c *stampedConn) watch() {
	line, err := readLine(c.run)
	if err == nil {
		_, err = parseAnswer(line)
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = errors.New("the connection was closed")
	}
	if _, refused := errors.AsType[*Refusal](err); !refused {
		err = fmt.Errorf("the agent has ended the exchange: %w", err)
	}
	c.mu.Lock()
	c.err = err
	c.mu.Unlock()
	c.Conn.SetReadDeadline(time.Unix(1, 0))
}

// Close closes the socket, and ends the run. The agent is asked for its report in the
// background.
func (c *stampedConn) Close() error {
	c.mu.Lock()
	again := c.closed
	c.closed = true
	c.mu.Unlock()
	if again {
		return net.ErrClosed
	}
	c.stamper.ending.Go(c.settle)
	return errors.Join(c.Conn.Close(), c.run.Close())
}

// settle counts what became of the datagrams.
func (c *stampedConn) settle() {
	report, err := c.stamper.client.Report(c.stamper.ctx, c.run.ID, c.stamper.client.Timeout)
	if err == nil && report.End == Open {
		err = fmt.Errorf("the agent's report is not complete: %w", os.ErrDeadlineExceeded)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stamper.mu.Lock()
	defer c.stamper.mu.Unlock()
	total := &c.stamper.counts
	// What arrived there until the last answer is in that answer, and the rest in the report.
	seq, arrived := c.lastSeq, c.back.highest
	if err == nil {
		seq, arrived = c.sent, uint64(report.Datagrams.Arrived)
		total.There.add(report.Datagrams)
	} else {
		total.Err = err
	}
	total.Back.add(c.counts)
	total.Sent += int64(c.sent)
	there, back := max(int64(seq-arrived), 0), max(int64(arrived)-c.counts.Arrived, 0)
	total.LostThere += there
	total.LostBack += back
	total.LostUnknown += max(int64(c.sent)-c.counts.Arrived-there-back, 0)
}

func (d *DatagramCounts) add(other DatagramCounts) {
	d.Arrived += other.Arrived
	d.Duplicated += other.Duplicated
	d.Reordered += other.Reordered
}
