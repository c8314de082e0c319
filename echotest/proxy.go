package echotest

import (
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"echod/internal/endpoint"
)

// ProxyFault is one way in which a proxy is broken. The proxy is honest in every other
// way.
type ProxyFault struct {
	Name        string // e.g. "drops-fin"
	Description string // e.g. "does not forward a FIN"
	Network     string // what the proxy forwards: "tcp" or "udp"
	Detection   Detection

	stream   streamHooks   // for "tcp"
	datagram datagramHooks // for "udp"
}

// NewProxy starts an honest proxy on loopback that forwards to upstream, e.g.
// tcp://127.0.0.1:7 or udp://127.0.0.1:7. It forwards every byte, FIN and reset of both
// sides, and holds at most one chunk of each direction. If nothing listens at upstream
// when the proxy starts, the URL of the proxy is upstream, which refuses too. The proxy
// runs until t ends or until [Server.Close].
func NewProxy(t testing.TB, upstream string) *Server {
	t.Helper()
	network, _, _ := strings.Cut(upstream, "://")
	if network != "udp" {
		network = "tcp"
	}
	return NewBrokenProxy(t, ProxyFault{Name: "an honest proxy", Network: network}, upstream)
}

// NewBrokenProxy starts a proxy as [NewProxy] does, which has the fault f.
func NewBrokenProxy(t testing.TB, f ProxyFault, upstream string) *Server {
	t.Helper()
	u, err := endpoint.Parse(upstream, f.Network)
	if err != nil {
		t.Fatalf("echotest: %s: %v", f.Name, err)
	}
	address := u.Address()
	if f.Network == "udp" {
		return startDatagramProxy(t, f.datagram, address)
	}
	hooks := f.stream.withDefaults()
	proxy := startStreams(t, func(ctx context.Context, client *net.TCPConn) {
		serveLink(ctx, client, address, hooks)
	})
	if !hooks.acceptsBeforeConnecting && !listens(address) {
		// Another process could get the port of a proxy that is closed.
		proxy.Close()
		return newServer(t, upstream, func() {})
	}
	return proxy
}

func listens(address string) bool {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// streamHooks replace parts of a proxy for streams. A hook that is not set is honest.
type streamHooks struct {
	acceptsBeforeConnecting bool // also listens if nothing listens at the server's address

	forward func(l *link, d direction) error // forwards until the end of file of d.from; then returns nil
	onFIN   func(l *link, d direction)       // d.from has sent a FIN
	onReset func(l *link, d direction)       // d.from or d.to was reset
	watch   func(l *link)                    // runs in a goroutine until l.ctx is canceled
}

func (h streamHooks) withDefaults() streamHooks {
	if h.forward == nil {
		h.forward = func(l *link, d direction) error { return l.copy(d, unchanged) }
	}
	if h.onFIN == nil {
		h.onFIN = func(_ *link, d direction) { d.to.CloseWrite() }
	}
	if h.onReset == nil {
		h.onReset = func(l *link, _ direction) { l.reset() }
	}
	if h.watch == nil {
		h.watch = func(*link) {}
	}
	return h
}

// link is one connection through a proxy: the client's, and the proxy's own to the
// server.
type link struct {
	ctx            context.Context // canceled when the link or the proxy is closed
	client, server *net.TCPConn

	progress  atomic.Int64 // time of the last write, in ns since 1970
	serverFIN atomic.Bool  // the server has sent a FIN
	forgotten atomic.Bool  // nothing is forwarded any more
}

type direction struct {
	from, to *net.TCPConn
	toServer bool
}

// serveLink connects to the server and forwards until both directions have ended. If
// the server refuses, it resets the client: it is too late to refuse.
func serveLink(ctx context.Context, client *net.TCPConn, address string, hooks streamHooks) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		client.SetLinger(0)
		return
	}
	server := conn.(*net.TCPConn)
	defer server.Close()
	release := context.AfterFunc(ctx, func() { server.Close() })
	defer release()

	ctx, cancel := context.WithCancel(ctx)
	l := &link{ctx: ctx, client: client, server: server}
	l.progress.Store(time.Now().UnixNano())
	var directions, watch sync.WaitGroup
	watch.Go(func() { hooks.watch(l) })
	for _, d := range []direction{{client, server, true}, {server, client, false}} {
		directions.Go(func() {
			if err := hooks.forward(l, d); err != nil {
				hooks.onReset(l, d)
			} else {
				hooks.onFIN(l, d)
			}
		})
	}
	directions.Wait()
	cancel()
	watch.Wait()
}

// copy forwards change(chunk) for each chunk.
func (l *link) copy(d direction, change func(chunk []byte) []byte) error {
	return copyChunks(d.from, l.writer(d.to), change)
}

// close closes both connections and drops what is not forwarded yet.
func (l *link) close() {
	l.client.Close()
	l.server.Close()
}

// reset resets both connections.
func (l *link) reset() {
	l.client.SetLinger(0)
	l.server.SetLinger(0)
	l.close()
}

// idleTime is the time since the last write to either connection.
func (l *link) idleTime() time.Duration {
	return time.Since(time.Unix(0, l.progress.Load()))
}

// linkWriter writes to a connection of a link, and records the time.
type linkWriter struct {
	*link
	to *net.TCPConn
}

func (l *link) writer(to *net.TCPConn) linkWriter { return linkWriter{l, to} }

func (w linkWriter) Write(chunk []byte) (int, error) {
	n, err := w.to.Write(chunk)
	w.progress.Store(time.Now().UnixNano())
	return n, err
}
