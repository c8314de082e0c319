//go:build linux && solved

// Command 07-hang-up is an echo server with one thread. It waits in poll(2) for all peers
// at once. When a peer has finished and has everything, the server finishes, too.
package main

import (
	"os"

	"golang.org/x/sys/unix"

	"echod/docs/engines/exercises/server"
)

// maxPeers is how many peers may be connected: fewer than the process may have descriptors.
const maxPeers = 500

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
			if w.Revents == 0 {
				continue
			}
			// poll reports POLLHUP also for events of 0, until the descriptor is closed.
			if w.Revents&unix.POLLHUP != 0 || !peers[w.Fd].echo(int(w.Fd)) {
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
	peers[int32(fd)] = new(peer)
}

// peer is one connection.
type peer struct {
	owed     []byte
	finished bool // in both directions
}

// events returns what to wait for.
func (p *peer) events() int16 {
	switch {
	case p.finished:
		return 0
	case len(p.owed) > 0:
		return unix.POLLOUT // nothing is read until they are sent
	}
	return unix.POLLIN
}

// echo sends what is owed, or else receives something and sends that. It returns false if
// the connection is broken.
func (p *peer) echo(fd int) bool {
	if len(p.owed) == 0 {
		buffer := make([]byte, 16<<10)
		n, err := unix.Read(fd, buffer)
		if err == unix.EAGAIN {
			return true
		}
		if err != nil {
			return false
		}
		if n == 0 {
			p.finished = true
			return unix.Shutdown(fd, unix.SHUT_WR) == nil
		}
		p.owed = buffer[:n]
	}
	n, err := unix.Write(fd, p.owed)
	if err == unix.EAGAIN {
		return true
	}
	p.owed = p.owed[max(n, 0):]
	return err == nil
}
