//go:build linux

package sim_test

import "golang.org/x/sys/unix"

// sequences are what can happen on a connection, call by call. Each runs on the simulated
// kernel and on the real one, and the logs must be the same.
var sequences = []struct {
	name string
	run  func(s *server)
}{
	{"data, then a FIN", func(s *server) {
		c := s.accept()
		s.peer.send("hello")
		s.await(c, unix.POLLIN)
		s.recv(c, 3)
		s.recv(c, 10)
		s.recv(c, 10)
		s.peer.closeWrite()
		s.await(c, unix.POLLRDHUP)
		s.recv(c, 10)
		s.recv(c, 10)
	}},
	{"data sent before it is accepted", func(s *server) {
		s.connect()
		s.peer.send("hello")
		c := s.acceptQueued()
		s.await(c, unix.POLLIN)
		s.recv(c, 10)
	}},
	{"a peek removes nothing", func(s *server) {
		c := s.accept()
		s.peer.send("hello")
		s.await(c, unix.POLLIN)
		s.peek(c, 10)
		s.send(c, "hello")
		s.recv(c, 10)
	}},
	{"a reset of an idle connection, reported by recv", func(s *server) {
		c := s.accept()
		s.peer.reset()
		s.await(c, unix.POLLHUP)
		s.recv(c, 10)
		s.recv(c, 10)
		s.send(c, "x")
	}},
	{"a reset of an idle connection, reported by send", func(s *server) {
		c := s.accept()
		s.peer.reset()
		s.await(c, unix.POLLHUP)
		s.send(c, "x")
		s.send(c, "x")
		s.recv(c, 10)
	}},
	{"a reset after data", func(s *server) {
		c := s.accept()
		s.peer.send("hello")
		s.await(c, unix.POLLIN)
		s.peer.reset()
		s.await(c, unix.POLLHUP)
		s.recv(c, 10)
		s.recv(c, 10)
		s.recv(c, 10)
	}},
	{"a reset after a FIN", func(s *server) {
		c := s.accept()
		s.peer.closeWrite()
		s.await(c, unix.POLLRDHUP)
		s.peer.reset()
		s.await(c, unix.POLLHUP)
		s.recv(c, 10)
		s.send(c, "x")
		s.send(c, "x")
	}},
	{"getpeername until a reset", func(s *server) {
		c := s.accept()
		s.peername(c)
		s.peer.send("hello")
		s.peer.closeWrite()
		s.await(c, unix.POLLRDHUP)
		s.peername(c)
		s.peer.reset()
		s.await(c, unix.POLLHUP)
		s.peername(c)
	}},
	{"closed without linger, all sent", func(s *server) {
		c := s.accept()
		s.peer.send("hello")
		s.await(c, unix.POLLIN)
		s.recv(c, 10)
		s.send(c, "hello")
		s.peer.closeWrite()
		s.await(c, unix.POLLRDHUP)
		s.recv(c, 10)
		s.lingerOff(c)
		s.close(c)
	}},
	{"closed with the linger option of the listener", func(s *server) {
		c := s.accept()
		s.close(c)
	}},
	{"the listener is closed with a connection in the queue", func(s *server) {
		s.connect()
		s.close(s.listener)
	}},
	{"accept with an empty queue", func(s *server) {
		s.peer = nil
		s.acceptQueued()
	}},
	{"an eventfd", func(s *server) {
		fd, errno := s.k.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
		s.note("eventfd: %v", errno)
		s.word(fd)
		one := [8]byte{1}
		_, errno = s.k.Write(fd, one[:])
		s.note("write: %v", errno)
		s.word(fd)
		s.word(fd)
		s.close(fd)
	}},
	{"select reports a reset as readable and writable", func(s *server) {
		c := s.accept()
		s.selects(c)
		s.peer.reset()
		s.await(c, unix.POLLHUP)
		s.selects(c)
	}},
	{"epoll is level-triggered", func(s *server) {
		c := s.accept()
		ep, errno := s.k.EpollCreate1(unix.EPOLL_CLOEXEC)
		s.note("epoll_create1: %v", errno)
		s.control(ep, unix.EPOLL_CTL_ADD, c, unix.EPOLLIN)
		s.epoll(ep)
		s.peer.send("hello")
		s.await(c, unix.POLLIN)
		s.epoll(ep)
		s.epoll(ep)
		s.control(ep, unix.EPOLL_CTL_MOD, c, 0)
		s.epoll(ep)
		s.peer.reset()
		s.await(c, unix.POLLHUP)
		s.epoll(ep) // EPOLLHUP is reported without being asked for
		s.control(ep, unix.EPOLL_CTL_DEL, c, 0)
		s.epoll(ep)
		s.close(ep)
	}},
	{"urgent data with SO_OOBINLINE", func(s *server) {
		s.inline(s.listener)
		c := s.accept()
		s.inline(c)
		s.peer.sendUrgent("abc")
		s.await(c, unix.POLLIN)
		s.recv(c, 9)
		s.recv(c, 9)
		s.recv(c, 9)
		s.peer.closeWrite()
		s.await(c, unix.POLLRDHUP)
		s.recv(c, 9)
	}},
	{"urgent data without SO_OOBINLINE", func(s *server) {
		c := s.accept()
		s.peer.sendUrgent("abc")
		s.await(c, unix.POLLIN)
		s.recv(c, 9)
		s.peek(c, 9)
		s.urgent(c, 9)
		s.poll(c)
		s.recv(c, 9)
		s.poll(c)
	}},
	{"the listener is shut down with a connection in the queue", func(s *server) {
		s.connect()
		s.await(s.listener, unix.POLLIN)
		s.shutdown(s.listener, unix.SHUT_RD)
		s.accept4()
		s.poll(s.listener)
		s.accept4()
		s.poll(s.listener)
	}},
	{"half-close by the server", func(s *server) {
		c := s.accept()
		s.shutdown(c, unix.SHUT_WR)
		s.poll(c)
		s.send(c, "x")
		s.peer.send("hello")
		s.await(c, unix.POLLIN)
		s.recv(c, 9)
		s.peer.closeWrite()
		s.await(c, unix.POLLRDHUP)
		s.recv(c, 9)
	}},
}

// unixSequences are what differs on a unix socket.
var unixSequences = []struct {
	name   string
	urgent bool // it has urgent data
	run    func(s *server)
}{
	{"closed with unread bytes", false, func(s *server) {
		c := s.accept()
		s.peer.send("hello")
		s.await(c, unix.POLLIN)
		s.close(c)
	}},
	{"nothing but urgent data: POLLIN, and nothing to read", true, func(s *server) {
		c := s.accept()
		s.peer.sendUrgent("x")
		s.await(c, unix.POLLIN)
		s.peek(c, 9)
		s.poll(c)
		s.recv(c, 9)
		s.poll(c)
	}},
	{"the listener's SO_OOBINLINE is not inherited", true, func(s *server) {
		s.inline(s.listener)
		c := s.accept()
		s.peer.sendUrgent("x")
		s.await(c, unix.POLLIN)
		s.recv(c, 9)
	}},
	{"the listener is shut down with a connection in the queue", false, func(s *server) {
		s.connect()
		s.await(s.listener, unix.POLLIN)
		s.shutdown(s.listener, unix.SHUT_RD)
		c := s.accept4()
		s.poll(s.listener)
		s.accept4()
		s.poll(s.listener)
		s.peer.closeWrite()
		s.await(c, unix.POLLRDHUP)
		s.recv(c, 9)
	}},
	{"getpeername of a peer without a name", false, func(s *server) {
		s.peername(s.accept())
	}},
	{"closed with nothing unread: linger has no effect", false, func(s *server) {
		c := s.accept()
		s.close(c)
	}},
}
