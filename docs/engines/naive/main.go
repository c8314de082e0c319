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

	"echod/internal/sys"
	"echod/internal/trace"
)

//go:generate go test -count=1 -run ^TestChapters . -update

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "naive:", err)
		os.Exit(1)
	}
}

// run starts the server args[0], "one", "goroutines" or "select", on the port args[1]
// of 127.0.0.1. Port 0 means any that is free. The first line of output is the address.
// With args[2], "trace", the system calls on each connection follow.
func run(args []string) error {
	usage := fmt.Errorf("want one, goroutines or select; a port from 0 to 65535; and trace, which is optional, after one and select")
	if len(args) < 2 || len(args) > 3 || len(args) == 3 && (args[2] != "trace" || args[0] == "goroutines") {
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
	serve, ok := map[string]func(sys.Kernel, int) error{"one": serveOne, "select": serveSelect}[args[0]]
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
	var kernel sys.Kernel = blocking{}
	if len(args) == 3 {
		recorder := trace.New(trace.Config{Header: trace.Header{Side: trace.Server}, Text: os.Stdout, Payload: 16})
		defer recorder.Close()
		kernel = recorder.Kernel(kernel, args[0])
	}
	return serve(kernel, listener)
}
