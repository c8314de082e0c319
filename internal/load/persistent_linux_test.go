package load

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"echod/echotest"
	"echod/internal/sys"
)

// brokenKernel fails every receive on a socket for datagrams once there was one.
type brokenKernel struct {
	sys.Kernel
	recvs, sends int
}

func (k *brokenKernel) Send(fd int, p []byte, flags int) (int, sys.Errno) {
	k.sends++
	return k.Kernel.Send(fd, p, flags)
}

func (k *brokenKernel) Recv(fd int, p []byte, flags int) (int, sys.Errno) {
	if flags&unix.MSG_PEEK != 0 {
		return k.Kernel.Recv(fd, p, flags)
	}
	k.recvs++
	return 0, unix.EIO
}

// TestBrokenSocketOfEpollIsReplacedAfterAPause: the datagram is still there, so
// that the kernel would report it again at once, and the error with it.
func TestBrokenSocketOfEpollIsReplacedAfterAPause(t *testing.T) {
	p := planFor(t, echotest.NewUDPServer(t).URL(), "64")
	p.Conns, p.Duration, p.Timeout = 1, 500*time.Millisecond, 200*time.Millisecond
	k := &brokenKernel{}
	_, err := runWith(t.Context(), p, nil, func(c *course) (driver, error) {
		d, err := newEpollDriver(c)
		if err == nil {
			k.Kernel = d.(*epollDriver).k
			d.(*epollDriver).k = k
		}
		return d, err
	})
	if err == nil {
		t.Error("a run without one answer is a success")
	}
	// A socket lives for as many errors as datagrams have left, and the next one
	// comes 10 ms later at the earliest.
	if k.recvs == 0 || k.recvs > 2*k.sends+100 || k.sends > 100 {
		t.Errorf("%d receives for %d datagrams", k.recvs, k.sends)
	}
}
