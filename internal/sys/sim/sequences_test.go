//go:build linux

package sim_test

import "golang.org/x/sys/unix"

// sequences are what a server may see a connection do, call by call. Each is
// run on the simulated kernel and on the real one, and must look the same.
var sequences = []struct {
	name string
	run  func(s *server)
}{
	{"data, then the end", func(s *server) {
		c := s.accept()
		s.far.send("hello")
		s.await(c, unix.POLLIN)
		s.recv(c, 3)
		s.recv(c, 10)
		s.recv(c, 10)
		s.far.closeWrite()
		s.await(c, unix.POLLRDHUP)
		s.recv(c, 10)
		s.recv(c, 10)
	}},
	{"data sent before it is accepted", func(s *server) {
		s.connect()
		s.far.send("hello")
		c := s.take()
		s.await(c, unix.POLLIN)
		s.recv(c, 10)
	}},
	{"peeking takes nothing", func(s *server) {
		c := s.accept()
		s.far.send("hello")
		s.await(c, unix.POLLIN)
		s.peek(c, 10)
		s.send(c, "hello")
		s.recv(c, 10)
	}},
	{"a reset at rest, found by recv", func(s *server) {
		c := s.accept()
		s.far.reset()
		s.await(c, unix.POLLHUP)
		s.recv(c, 10)
		s.recv(c, 10)
		s.send(c, "x")
	}},
	{"a reset at rest, found by send", func(s *server) {
		c := s.accept()
		s.far.reset()
		s.await(c, unix.POLLHUP)
		s.send(c, "x")
		s.send(c, "x")
		s.recv(c, 10)
	}},
	{"a reset behind data", func(s *server) {
		c := s.accept()
		s.far.send("hello")
		s.await(c, unix.POLLIN)
		s.far.reset()
		s.await(c, unix.POLLHUP)
		s.recv(c, 10)
		s.recv(c, 10)
		s.recv(c, 10)
	}},
	{"a reset behind the end", func(s *server) {
		c := s.accept()
		s.far.closeWrite()
		s.await(c, unix.POLLRDHUP)
		s.far.reset()
		s.await(c, unix.POLLHUP)
		s.recv(c, 10)
		s.send(c, "x")
		s.send(c, "x")
	}},
	{"the peer's name, for as long as it is there", func(s *server) {
		c := s.accept()
		s.peername(c)
		s.far.send("hello")
		s.far.closeWrite()
		s.await(c, unix.POLLRDHUP)
		s.peername(c)
		s.far.reset()
		s.await(c, unix.POLLHUP)
		s.peername(c)
	}},
	{"closed with lingering off, all sent", func(s *server) {
		c := s.accept()
		s.far.send("hello")
		s.await(c, unix.POLLIN)
		s.recv(c, 10)
		s.send(c, "hello")
		s.far.closeWrite()
		s.await(c, unix.POLLRDHUP)
		s.recv(c, 10)
		s.lingerOff(c)
		s.close(c)
	}},
	{"closed with the lingering that the listener bequeathed", func(s *server) {
		c := s.accept()
		s.close(c)
	}},
	{"the listener closes while somebody is queued", func(s *server) {
		s.connect()
		s.close(s.listener)
	}},
	{"nobody is queued", func(s *server) {
		s.far = nil
		s.take()
	}},
	{"an eventfd", func(s *server) {
		fd, errno := s.k.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
		s.say("eventfd: %v", errno)
		s.word(fd)
		one := [8]byte{1}
		_, errno = s.k.Write(fd, one[:])
		s.say("write: %v", errno)
		s.word(fd)
		s.word(fd)
		s.close(fd)
	}},
	{"select finds a reset readable and writable", func(s *server) {
		c := s.accept()
		s.selects(c)
		s.far.reset()
		s.await(c, unix.POLLHUP)
		s.selects(c)
	}},
	{"epoll reports for as long as it lasts", func(s *server) {
		c := s.accept()
		ep, errno := s.k.EpollCreate1(unix.EPOLL_CLOEXEC)
		s.say("epoll_create1: %v", errno)
		s.control(ep, unix.EPOLL_CTL_ADD, c, unix.EPOLLIN)
		s.epoll(ep)
		s.far.send("hello")
		s.await(c, unix.POLLIN)
		s.epoll(ep)
		s.epoll(ep)
		s.control(ep, unix.EPOLL_CTL_MOD, c, 0)
		s.epoll(ep)
		s.far.reset()
		s.await(c, unix.POLLHUP)
		s.epoll(ep) // a hang-up, wanted or not
		s.control(ep, unix.EPOLL_CTL_DEL, c, 0)
		s.epoll(ep)
		s.close(ep)
	}},
	{"urgent data in line", func(s *server) {
		s.inline(s.listener)
		c := s.accept()
		s.inline(c)
		s.far.sendUrgent("abc")
		s.await(c, unix.POLLIN)
		s.recv(c, 9)
		s.recv(c, 9)
		s.recv(c, 9)
		s.far.closeWrite()
		s.await(c, unix.POLLRDHUP)
		s.recv(c, 9)
	}},
	{"urgent data out of line", func(s *server) {
		c := s.accept()
		s.far.sendUrgent("abc")
		s.await(c, unix.POLLIN)
		s.recv(c, 9)
		s.peek(c, 9)
		s.urgent(c, 9)
		s.look(c)
		s.recv(c, 9)
		s.look(c)
	}},
	{"the listener is shut down while somebody is queued", func(s *server) {
		s.connect()
		s.await(s.listener, unix.POLLIN)
		s.shutdown(s.listener, unix.SHUT_RD)
		s.accept4()
		s.look(s.listener)
		s.accept4()
		s.look(s.listener)
	}},
	{"half-close by the server", func(s *server) {
		c := s.accept()
		s.shutdown(c, unix.SHUT_WR)
		s.look(c)
		s.send(c, "x")
		s.far.send("hello")
		s.await(c, unix.POLLIN)
		s.recv(c, 9)
		s.far.closeWrite()
		s.await(c, unix.POLLRDHUP)
		s.recv(c, 9)
	}},
}

// unixSequences differ on a unix socket.
var unixSequences = []struct {
	name   string
	urgent bool // it has urgent data
	run    func(s *server)
}{
	{"closed with unread bytes", false, func(s *server) {
		c := s.accept()
		s.far.send("hello")
		s.await(c, unix.POLLIN)
		s.close(c)
	}},
	{"urgent data, and nothing else: ready, and nothing to read", true, func(s *server) {
		c := s.accept()
		s.far.sendUrgent("x")
		s.await(c, unix.POLLIN)
		s.peek(c, 9)
		s.look(c)
		s.recv(c, 9)
		s.look(c)
	}},
	{"the listener's SO_OOBINLINE is not inherited", true, func(s *server) {
		s.inline(s.listener)
		c := s.accept()
		s.far.sendUrgent("x")
		s.await(c, unix.POLLIN)
		s.recv(c, 9)
	}},
	{"the listener is shut down while somebody is queued", false, func(s *server) {
		s.connect()
		s.await(s.listener, unix.POLLIN)
		s.shutdown(s.listener, unix.SHUT_RD)
		c := s.accept4()
		s.look(s.listener)
		s.accept4()
		s.look(s.listener)
		s.far.closeWrite()
		s.await(c, unix.POLLRDHUP)
		s.recv(c, 9)
	}},
	{"the peer has no name", false, func(s *server) {
		s.peername(s.accept())
	}},
	{"closed with nothing unread: lingering means nothing", false, func(s *server) {
		c := s.accept()
		s.close(c)
	}},
}
