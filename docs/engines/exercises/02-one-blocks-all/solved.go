//go:build linux && solved

// Command 02-one-blocks-all is an echo server with one thread. It waits in poll(2) for all
// peers at once, and keeps what a peer does not take until it can be written to.
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
	peers := map[int32][]byte{} // by descriptor: the bytes that are owed
	for {
		watched := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		for fd, owed := range peers {
			events := int16(unix.POLLIN)
			if len(owed) > 0 {
				events = unix.POLLOUT // nothing is read until they are sent
			}
			watched = append(watched, unix.PollFd{Fd: fd, Events: events})
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
			owed, open := echo(int(w.Fd), peers[w.Fd])
			peers[w.Fd] = owed
			if !open {
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
func accept(listener int, peers map[int32][]byte) {
	// On Linux, an accepted socket does not inherit O_NONBLOCK from the listener.
	fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return
	}
	if len(peers) == maxPeers {
		unix.Close(fd)
		return
	}
	peers[int32(fd)] = nil
}

// echo sends what is owed to a peer, or else receives something and sends that. It returns
// what is owed now, and false if the peer has finished or the connection is broken.
func echo(fd int, owed []byte) ([]byte, bool) {
	if len(owed) == 0 {
		buffer := make([]byte, 16<<10)
		n, err := unix.Read(fd, buffer)
		if err == unix.EAGAIN {
			return nil, true
		}
		if n <= 0 || err != nil {
			return nil, false
		}
		owed = buffer[:n]
	}
	n, err := unix.Write(fd, owed)
	if err == unix.EAGAIN {
		return owed, true
	}
	if err != nil {
		return nil, false
	}
	return owed[n:], true
}
