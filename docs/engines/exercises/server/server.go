//go:build linux

// Package server starts the servers of the exercises. It has what is the same in all of
// them, and nothing that an exercise is about.
package server

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Main runs a server on the port of 127.0.0.1 that the only argument of the program names.
// Port 0 means any that is free. The first line of output is the address. serve returns
// only if it cannot go on.
func Main(listen func(port int) (int, error), serve func(listener int) error) {
	if err := run(os.Args[1:], listen, serve); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func run(args []string, listen func(port int) (int, error), serve func(listener int) error) error {
	usage := fmt.Errorf("got arguments %q, want one: a port from 0 to 65535", args)
	if len(args) != 1 {
		return usage
	}
	port, err := strconv.ParseUint(args[0], 10, 16)
	if err != nil {
		return usage
	}
	listener, err := listen(int(port))
	if err != nil {
		return err
	}
	addr, err := unix.Getsockname(listener)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	time.Sleep(time.Nanosecond) // the Go runtime opens its descriptors with the first timer: later there may be none
	fmt.Printf("127.0.0.1:%d\n", addr.(*unix.SockaddrInet4).Port)
	return serve(listener)
}

// Listen returns the descriptor of a socket that accepts connections on a port of
// 127.0.0.1. Chapter 1 explains the calls, chapter 4 the option SO_OOBINLINE.
func Listen(port int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	for _, option := range []int{unix.SO_REUSEADDR, unix.SO_OOBINLINE} {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 1); err != nil {
			return -1, os.NewSyscallError("setsockopt", err)
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return -1, os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(fd, 128); err != nil {
		return -1, os.NewSyscallError("listen", err)
	}
	return fd, nil
}
