//go:build linux

// Command naive holds three echo servers that are too simple, for the chapters of
// docs/engines: one serves one peer after the other, one starts a goroutine for each,
// and one waits for all of them with select(2). Its tests show what each gets wrong.
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "naive:", err)
		os.Exit(1)
	}
}

// run starts the server args[0], "one", "goroutines" or "select", on the port args[1]
// of 127.0.0.1. Port 0 means any that is free. The first line of output is the address.
func run(args []string) error {
	usage := fmt.Errorf("want two arguments: one, goroutines or select; and a port from 0 to 65535")
	if len(args) != 2 {
		return usage
	}
	port, err := strconv.ParseUint(args[1], 10, 16)
	if err != nil {
		return usage
	}
	if args[0] == "goroutines" {
		l, err := net.Listen("tcp", "127.0.0.1:"+args[1])
		if err != nil {
			return err
		}
		fmt.Println(l.Addr())
		return serveGoroutines(l)
	}
	serve, ok := map[string]func(int) error{"one": serveOne, "select": serveSelect}[args[0]]
	if !ok {
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
	fmt.Printf("127.0.0.1:%d\n", addr.(*unix.SockaddrInet4).Port)
	return serve(listener)
}
