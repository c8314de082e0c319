package watch

import (
	"context"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"echod/internal/dial"
)

// TestAddressIsNotDownBecauseOfThisMachine: the port space of a source address is used up.
func TestAddressIsNotDownBecauseOfThisMachine(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EADDRINUSE, syscall.EADDRNOTAVAIL, syscall.EMFILE} {
		synctest.Test(t, func(t *testing.T) {
			f := newNetwork()
			c := f.config(t, "tcp://a:7")
			connect, full := c.Dial, new(atomic.Bool)
			c.Reconnect = true
			c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				if full.Load() {
					return nil, &net.OpError{Op: "dial", Err: errno}
				}
				return connect(ctx, network, address)
			}
			w := f.watch(t, c)
			w.until(1500 * time.Millisecond)
			full.Store(true)
			w.until(11500 * time.Millisecond)
			w.want("a:7 up: 1 received, 10 lost")
			if lost := w.Snapshot().Targets[0].Addresses[0].Lost; lost[dial.Local] != 10 {
				t.Errorf("%v: lost %v, want all as local", errno, lost)
			}
			w.wantLog("target up target=tcp://a:7 address=a:7",
				"probes cannot be sent, the state of the address is kept target=tcp://a:7 address=a:7 class=local hint=this machine lacks ports (sysctl net.ipv4.ip_local_port_range), open files or a permission")
		})
	}
}

// narrow is a socket whose path takes datagrams of at most mtu bytes, as far as the kernel
// knows.
type narrow struct {
	net.Conn
	mtu *atomic.Int64
}

func (c narrow) Write(p []byte) (int, error) {
	if int64(len(p)) > c.mtu.Load() {
		return 0, &net.OpError{Op: "write", Err: os.NewSyscallError("write", syscall.EMSGSIZE)}
	}
	return c.Conn.Write(p)
}

// TestAddressIsDownIfItsPathTakesNoProbes: with -M do, the path MTU shrinks below the size of
// the probes. A new socket, or a new look-up, would not help.
func TestAddressIsDownIfItsPathTakesNoProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newNetwork()
		c := f.config(t, "udp://a:7")
		connect, mtu := c.Dial, new(atomic.Int64)
		c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := connect(ctx, network, address)
			return narrow{conn, mtu}, err
		}
		mtu.Store(64)
		w := f.watch(t, c)
		w.until(1500 * time.Millisecond)
		mtu.Store(63)
		w.until(11500 * time.Millisecond)
		w.want("a:7 down: 1 received, 10 lost")
		if lost := w.Snapshot().Targets[0].Addresses[0].Lost; lost[dial.TooLong] != 10 || !slices.Contains(Classes(), dial.TooLong) {
			t.Errorf("lost %v, want all as %s", lost, dial.TooLong)
		}
		if n := len(f.dialed); n != 1 {
			t.Errorf("%d sockets were opened, want 1", n)
		}
		w.wantLog("target up target=udp://a:7 address=a:7",
			"target down target=udp://a:7 address=a:7 class=too-long hint=use a smaller --size, or omit --pmtudisc")
		mtu.Store(64)
		w.until(12500 * time.Millisecond)
		w.wantLog("target up again target=udp://a:7 address=a:7 was_down=10.001s")
	})
}
