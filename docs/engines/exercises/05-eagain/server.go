//go:build linux && !solved

// Command 05-eagain is an echo server with one thread. It waits in poll(2) for all peers at
// once. It reads and writes as long as a peer is ready, so that it needs few waits.
package main

import (
	"os"

	"golang.org/x/sys/unix"

	"echod/docs/engines/exercises/server"
)

const (
	maxPeers = 500 // peers that may be connected: fewer than the process may have descriptors
	maxCalls = 16  // calls for one peer, until it is the turn of the next
)

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

// echo sends what is owed to a peer, receives more, sends that, and so on, at most maxCalls
// times. It returns what is owed then, and false if the peer has finished or the connection
// is broken.
func echo(fd int, owed []byte) ([]byte, bool) {
	buffer := make([]byte, 16<<10)
	for range maxCalls {
		var n int
		var err error
		if len(owed) > 0 {
			n, err = unix.Write(fd, owed)
			owed = owed[max(n, 0):]
		} else {
			n, err = unix.Read(fd, buffer)
			owed = buffer[:max(n, 0)]
		}
		if n <= 0 || err != nil {
			return nil, false
		}
	}
	return owed, true
}
