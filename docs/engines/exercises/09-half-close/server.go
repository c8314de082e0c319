//go:build linux && !solved

// Command 09-half-close is an echo server with one thread. It waits in poll(2) for all peers
// at once. It reads ahead: it keeps up to 1 MiB for a peer that sends faster than it reads.
package main

import (
	"os"

	"golang.org/x/sys/unix"

	"echod/docs/engines/exercises/server"
)

const (
	maxPeers = 500     // peers that may be connected: fewer than the process may have descriptors
	maxOwed  = 1 << 20 // bytes that are kept for a peer, before nothing more is read from it
)

func main() { server.Main(server.Listen, serve) }

// serve serves the peers that are ready, one after the other.
func serve(listener int) error {
	if err := unix.SetNonblock(listener, true); err != nil { // no call may wait but poll
		return os.NewSyscallError("fcntl", err)
	}
	peers := map[int32]*peer{} // by descriptor
	for {
		watched := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		for fd, p := range peers {
			watched = append(watched, unix.PollFd{Fd: fd, Events: p.events()})
		}
		if _, err := unix.Poll(watched, -1); err == unix.EINTR {
			continue
		} else if err != nil {
			return os.NewSyscallError("poll", err)
		}
		for _, w := range watched[1:] {
			if w.Revents != 0 && !peers[w.Fd].echo(int(w.Fd), w.Revents) {
				unix.Close(int(w.Fd))
				delete(peers, w.Fd)
			}
		}
		if watched[0].Revents != 0 {
			accept(listener, peers)
		}
	}
}

// accept takes a peer from the queue. It refuses those beyond maxPeers.
func accept(listener int, peers map[int32]*peer) {
	fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return
	}
	if len(peers) == maxPeers {
		unix.Close(fd)
		return
	}
	// What the kernel keeps is in addition to maxOwed.
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 32<<10)
	peers[int32(fd)] = new(peer)
}

// peer is one connection.
type peer struct {
	owed []byte
}

// events returns what to wait for.
func (p *peer) events() (events int16) {
	if len(p.owed) < maxOwed {
		events |= unix.POLLIN
	}
	if len(p.owed) > 0 {
		events |= unix.POLLOUT
	}
	return events
}

// echo receives and sends what is possible now. It returns false if the connection is over.
func (p *peer) echo(fd int, ready int16) bool {
	if ready&unix.POLLIN != 0 {
		buffer := make([]byte, 16<<10)
		n, err := unix.Read(fd, buffer)
		if err != nil && err != unix.EAGAIN {
			return false
		}
		if n == 0 {
			return false
		}
		p.owed = append(p.owed, buffer[:max(n, 0)]...)
	}
	if len(p.owed) > 0 {
		n, err := unix.Write(fd, p.owed)
		if err != nil && err != unix.EAGAIN {
			return false
		}
		p.owed = p.owed[max(n, 0):]
	}
	return true
}
