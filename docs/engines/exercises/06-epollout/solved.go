//go:build linux && solved

// Command 06-epollout is an echo server with one thread. It waits with epoll(7) for all
// peers at once, and keeps what a peer does not take.
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
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := watch(epfd, unix.EPOLL_CTL_ADD, listener, unix.EPOLLIN); err != nil {
		return err
	}
	peers := map[int][]byte{} // by descriptor: the bytes that are owed
	ready := make([]unix.EpollEvent, 64)
	for {
		n, err := unix.EpollWait(epfd, ready, -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("epoll_wait", err)
		}
		for _, event := range ready[:n] {
			fd := int(event.Fd)
			if fd == listener {
				if err := accept(epfd, listener, peers); err != nil {
					return err
				}
				continue
			}
			owed, open := echo(fd, peers[fd])
			if !open {
				unix.Close(fd) // and epoll forgets it
				delete(peers, fd)
				continue
			}
			peers[fd] = owed
			interest := uint32(unix.EPOLLIN)
			if len(owed) > 0 {
				interest = unix.EPOLLOUT // nothing is read until they are sent
			}
			if err := watch(epfd, unix.EPOLL_CTL_MOD, fd, interest); err != nil {
				return err
			}
		}
	}
}

// watch adds fd to what epoll watches, or changes what it waits for.
func watch(epfd, op, fd int, interest uint32) error {
	err := unix.EpollCtl(epfd, op, fd, &unix.EpollEvent{Events: interest, Fd: int32(fd)})
	return os.NewSyscallError("epoll_ctl", err)
}

// accept takes a peer from the queue. It refuses those beyond maxPeers.
func accept(epfd, listener int, peers map[int][]byte) error {
	fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return nil
	}
	if len(peers) == maxPeers {
		unix.Close(fd)
		return nil
	}
	peers[fd] = nil
	return watch(epfd, unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN)
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
