package echotest

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"echod/internal/sock"
)

// resetGrace is how long a reset waits for a side that does not read what was sent
// before the reset.
const resetGrace = time.Second

func listens(address string) bool {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// startStreams serves connections to a free TCP port on loopback.
func (r *relay) startStreams(t testing.TB) *Server {
	t.Helper()
	var config net.ListenConfig
	config.SetMultipathTCP(false) // it has no urgent data
	ln, err := config.Listen(t.Context(), "tcp", loopback.String())
	if err != nil {
		t.Fatalf("echotest: %v", err)
	}
	l := ln.(*net.TCPListener)
	if raw, err := l.SyscallConn(); err == nil {
		r.setUrgent(raw)
	}
	return startFunc(t, "tcp://"+l.Addr().String(), l, func(ctx context.Context) { r.accept(ctx, l) })
}

// setUrgent makes urgent data part of the stream. Connections inherit it from a listener.
func (r *relay) setUrgent(raw syscall.RawConn) {
	if sock.CanLeaveUnread && !r.path.DropsUrgent {
		sock.Calls{}.SetOOBInline(raw)
	}
}

// accept serves each connection in a goroutine, until l is closed.
func (r *relay) accept(ctx context.Context, l *net.TCPListener) {
	var links sync.WaitGroup
	defer links.Wait()
	var slots chan struct{} // nil without a limit
	if r.path.MaxConns > 0 {
		slots = make(chan struct{}, r.path.MaxConns)
	}
	for n := 1; ; {
		if slots != nil && r.path.Queues {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
		c, err := l.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			sleep(ctx, errorPause)
			if slots != nil && r.path.Queues {
				<-slots
			}
			continue
		}
		if slots != nil && !r.path.Queues {
			select {
			case slots <- struct{}{}:
			default:
				c.SetLinger(0)
				c.Close()
				continue
			}
		}
		conn := n
		n++
		links.Go(func() {
			wasReset := r.serve(ctx, conn, c)
			if slots != nil && !(wasReset && r.path.LeaksOnReset) {
				<-slots
			}
		})
	}
}

// link is one connection through a relay: the client's, and the relay's own to the
// server.
type link struct {
	client, server     side
	toServer, toClient *flow

	progress atomic.Int64 // time of the last write, in ns since 1970
	once     sync.Once
	how      Action        // Reset, Close or Hang
	stopped  chan struct{} // closed when how is set
	wasReset atomic.Bool   // by one of the sides, or by the relay
}

// serve connects to the server and forwards until both directions have ended. It
// reports whether the connection was reset. If the server refuses, it resets the
// client: it is too late to refuse.
func (r *relay) serve(ctx context.Context, n int, accepted *net.TCPConn) (wasReset bool) {
	client, err := r.clientSide(ctx, accepted)
	if err != nil {
		return false
	}
	defer client.Close()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", r.address)
	if err != nil {
		client.SetLinger(0)
		return true
	}
	server := conn.(*net.TCPConn)
	defer server.Close()
	if raw, err := server.SyscallConn(); err == nil {
		r.setUrgent(raw)
	}
	l := &link{client: client, server: server, stopped: make(chan struct{})}
	l.toServer, l.toClient = r.newFlows(n, 32<<10)
	l.progress.Store(time.Now().UnixNano())
	linkCtx, cancel := context.WithCancel(ctx)
	var directions, watchers sync.WaitGroup
	for _, f := range []*flow{l.toServer, l.toClient} {
		from, to := client, side(server)
		if f.direction == ToClient {
			from, to = server, client
		}
		if f.way().SendBuffer > 0 {
			to.SetWriteBuffer(f.way().SendBuffer)
		}
		if f.way().Rate > 0 {
			// Like shrinkBuffer of package check: a large buffer would hold seconds of data,
			// and a smaller one would open its window by less than a loopback segment.
			from.SetReadBuffer(64 << 10)
		}
		directions.Go(func() { l.read(f, from, to) })
		directions.Go(func() { l.write(f, to) })
	}
	watchers.Go(func() {
		<-linkCtx.Done()
		l.stop(Close)
	})
	watchers.Go(func() { l.watchConnect() })
	watchers.Go(func() { l.watchIdle() })
	directions.Wait()
	cancel()
	watchers.Wait()
	if l.how == Hang {
		<-ctx.Done()
	}
	return l.wasReset.Load()
}

// read pushes what it reads into the pipe of f.
func (l *link) read(f *flow, from, to side) {
	chunk := make([]byte, f.pipe.chunkSize())
	for {
		n, err := from.Read(chunk)
		f.spoke.Store(true)
		if n > 0 {
			e := f.apply(chunk[:n])
			if e.stop != 0 {
				l.stop(e.stop)
				return
			}
			if !e.drop && !f.pipe.push(e.data, e.hold) {
				return
			}
		}
		if err == io.EOF {
			f.fin.Store(true)
			for fault := range f.faults(OnFIN) {
				if fault.Do == DiscardIfStuck {
					l.discardIfStuck(f, to, fault.After)
				}
			}
			f.pipe.end()
			return
		}
		if err != nil {
			// The bytes before the reset are sent first, if the other side reads them.
			to.SetWriteDeadline(time.Now().Add(f.way().Delay + resetGrace))
			f.pipe.end()
			return
		}
	}
}

// discardIfStuck waits until the pipe is empty. If a write to to takes longer than
// limit, it drops the rest.
func (l *link) discardIfStuck(f *flow, to side, limit time.Duration) {
	for f.pipe.busy() {
		if f.pipe.stuck(limit) {
			f.pipe.stop()
			to.SetWriteDeadline(time.Now())
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// write sends what the pipe of f holds, and then forwards the FIN or the reset.
func (l *link) write(f *flow, to side) {
	err := f.pipe.run(func(p queued) error {
		_, err := to.Write(p.data)
		l.progress.Store(time.Now().UnixNano())
		return err
	})
	if l.isStopped() {
		return
	}
	if f.fin.Load() && (err == nil || errors.Is(err, os.ErrDeadlineExceeded)) { // see discardIfStuck
		l.forwardFIN(f, to)
		return
	}
	l.wasReset.Store(true)
	how := Reset
	for fault := range f.faults(OnReset) {
		how = fault.Do
	}
	l.stop(how)
}

func (l *link) forwardFIN(f *flow, to side) {
	for fault := range f.faults(OnFIN) {
		switch {
		case fault.Do == DiscardIfStuck:
		case fault.Do == Drop:
			return
		case fault.After > 0:
			to.CloseWrite()
			if l.wait(fault.After) {
				l.stop(fault.Do)
			}
			return
		default:
			l.stop(fault.Do)
			return
		}
	}
	to.CloseWrite()
}

// stop ends the link. Only the first call has an effect.
func (l *link) stop(how Action) {
	l.once.Do(func() {
		l.how = how
		close(l.stopped)
		l.toServer.pipe.stop()
		l.toClient.pipe.stop()
		for _, c := range []side{l.client, l.server} {
			switch how {
			case Hang:
				c.SetDeadline(time.Now())
			case Reset:
				l.wasReset.Store(true)
				c.SetLinger(0)
				c.Close()
			default:
				c.Close()
			}
		}
	})
}

// isStopped reports whether how is set.
func (l *link) isStopped() bool {
	select {
	case <-l.stopped:
		return true
	default:
		return false
	}
}

// wait returns true after d. It returns false as soon as the link has ended.
func (l *link) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.stopped:
		return false
	}
}

// watchConnect does what the faults OnConnect say.
func (l *link) watchConnect() {
	for fault := range l.toClient.faults(OnConnect) {
		if !l.wait(fault.After) {
			return
		}
		if fault.Silent && l.toServer.spoke.Load() {
			continue
		}
		if fault.Do == SendBanner {
			l.toClient.pipe.push([]byte("220 echo ready\r\n"), 0)
		} else {
			l.stop(fault.Do)
		}
	}
}

// watchIdle does what the first fault OnIdle says.
func (l *link) watchIdle() {
	for fault := range l.toClient.faults(OnIdle) {
		for {
			idle := time.Since(time.Unix(0, l.progress.Load()))
			if idle >= fault.After {
				l.stop(fault.Do)
				return
			}
			if !l.wait(fault.After - idle) {
				return
			}
		}
	}
}
