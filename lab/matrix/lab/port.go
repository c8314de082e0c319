package lab

import (
	"fmt"
	"os"
	"syscall"
)

// port is a port of 127.0.0.1 that the lab has bound and does not listen on, so
// that it is nobody else's: no listener gets it by chance, no client as its own.
// A connect to it is refused until somebody listens.
type port struct {
	number int
	fd     int
}

// lend holds a port for a program to listen on: with SO_REUSEADDR on both sides
// Linux lets it, as socket(7) says. Every program here sets it.
func lend() (port, error) { return hold(1) }

// deny holds a port that stays closed: nobody can listen on it.
func deny() (port, error) { return hold(0) }

func hold(reuse int) (port, error) {
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

// lendAll lends n ports. release takes them back, with an error, too.
func lendAll(n int) (numbers []int, release func(), err error) {
	var held []port
	release = func() {
		for _, p := range held {
			p.release()
		}
	}
	for range n {
		p, err := lend()
		if err != nil {
			return nil, release, err
		}
		held, numbers = append(held, p), append(numbers, p.number)
	}
	return numbers, release, nil
}

// Local is a port of this machine, as host:port.
func Local(number int) string { return fmt.Sprintf("127.0.0.1:%d", number) }
