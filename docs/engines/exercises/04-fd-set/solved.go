//go:build linux && solved

// Command 04-fd-set is an echo server with one thread. It waits in select(2) for all peers
// at once, and keeps what a peer does not take until it can be written to.
package main

import (
	"os"

	"golang.org/x/sys/unix"

	"echod/docs/engines/exercises/server"
)

func main() { server.Main(server.Listen, serve) }

// serve serves the peers that are ready, one after the other.
func serve(listener int) error {
	peers := map[int][]byte{} // by descriptor: the bytes that are owed
	for {
		var canRead, canWrite unix.FdSet
		canRead.Set(listener)
		highest := listener
		for fd, owed := range peers {
			if len(owed) > 0 {
				canWrite.Set(fd) // nothing is read until they are sent
			} else {
				canRead.Set(fd)
			}
			highest = max(highest, fd)
		}
		if _, err := unix.Select(highest+1, &canRead, &canWrite, nil, nil); err == unix.EINTR {
			continue
		} else if err != nil {
			return os.NewSyscallError("select", err)
		}
		for fd, owed := range peers {
			if !canRead.IsSet(fd) && !canWrite.IsSet(fd) {
				continue
			}
			owed, open := echo(fd, owed)
			peers[fd] = owed
			if !open {
				unix.Close(fd)
				delete(peers, fd)
			}
		}
		if canRead.IsSet(listener) {
			accept(listener, peers)
		}
	}
}

// accept takes a peer from the queue. It refuses those for which there is no room.
func accept(listener int, peers map[int][]byte) {
	fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return
	}
	if fd >= unix.FD_SETSIZE { // a set has no bit for it, however few peers there are
		refuse(fd)
		return
	}
	peers[fd] = nil
}

// refuse closes a connection with a reset, so that its client does not wait.
func refuse(fd int) {
	unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	unix.Close(fd)
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
