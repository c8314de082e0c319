//go:build linux

package sim

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestOrphanIsResetIfItsPeerReadsNothing(t *testing.T) {
	for _, tt := range []struct {
		name string
		read func(p *Peer)
		want End
	}{
		{"it reads nothing", func(*Peer) {}, Reset},
		{"it reads some of it", func(p *Peer) { p.Read(500) }, StillOpen},
		{"it reads all of it", (*Peer).Resume, Clean},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := New(nil)
			ln, _ := k.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
			k.Bind(ln, &unix.SockaddrInet4{Port: 7})
			k.Listen(ln, 8)
			k.NotEcho(ln)
			p := k.Dial(7)
			p.Stall()
			fd, _ := k.Accept4(ln, nil, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
			k.Send(fd, make([]byte, 2*smallestWindow), unix.MSG_NOSIGNAL)
			k.Close(fd)
			k.Advance(orphanLife - time.Second)
			if p.End() != StillOpen {
				t.Fatalf("before its time: got %v, want %v", p.End(), StillOpen)
			}
			tt.read(p)
			k.Advance(2 * time.Second)
			if p.End() != tt.want {
				t.Errorf("got %v, want %v", p.End(), tt.want)
			}
		})
	}
}
