package lab

import (
	"fmt"
	"os"
	"syscall"
)

// port is a port of 127.0.0.1 that is bound and does not listen, so that no other process
// gets it. A connect to it is refused until a program listens on it.
type port struct {
	number int
	fd     int
}

// reserve reserves a port for a program. Linux allows both to bind it, because both set
// SO_REUSEADDR (socket(7)). Every program here does.
func reserve() (port, error) { return bind(1) }

// reserveClosed reserves a port on which no program can listen.
func reserveClosed() (port, error) { return bind(0) }

func bind(reuse int) (port, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return port{}, os.NewSyscallError("socket", err)
	}
	p := port{fd: fd}
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, reuse); err != nil {
		p.release()
		return port{}, os.NewSyscallError("setsockopt", err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		p.release()
		return port{}, os.NewSyscallError("bind", err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		p.release()
		return port{}, os.NewSyscallError("getsockname", err)
	}
	p.number = name.(*syscall.SockaddrInet4).Port
	return p, nil
}

func (p port) release() { syscall.Close(p.fd) }

// reservePorts reserves n ports. The caller must call release, also after an error.
func reservePorts(n int) (numbers []int, release func(), err error) {
	var held []port
	release = func() {
		for _, p := range held {
			p.release()
		}
	}
	for range n {
		p, err := reserve()
		if err != nil {
			return nil, release, err
		}
		held, numbers = append(held, p), append(numbers, p.number)
	}
	return numbers, release, nil
}

// Local returns the address of a port on 127.0.0.1.
func Local(number int) string { return fmt.Sprintf("127.0.0.1:%d", number) }
