package check_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"

	"echod/check"
)

// serveLines serves each client with a common mistake: it returns whole lines, and drops
// what follows the last line end.
func serveLines(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			r := bufio.NewReader(c)
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				io.WriteString(c, line)
			}
		}()
	}
}

// This program checks a server that does not send all of the reply that a half-closed
// client waits for. Without Rules in the Options, it would run all rules for TCP.
func Example() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	go serveLines(l)

	target, err := check.ParseTarget("tcp://" + l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := check.Run(context.Background(), target, check.Options{
		Rules: []string{"stream/half-close", "stream/fin-only"},
		Seed:  1, // a random first byte may be a line end
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range report.Results {
		fmt.Println(r.Rule, r.Verdict)
		if r.Verdict == check.Fail {
			fmt.Println("  class: ", r.Class)
			fmt.Println("  seen:  ", r.Detail)
			fmt.Println("  means: ", r.Meaning)
			fmt.Println("  remedy:", r.Remedy)
		}
	}
	fmt.Println(report.Verdict())
	// Output:
	// stream/half-close fail
	//   class:  premature-eof
	//   seen:   1 B: the stream ended after 0 of 1 bytes
	//   means:  A client that has finished sending loses the reply (echo x | nc).
	//   remedy: nginx stream: proxy_half_close on; socat: a longer -t; others: forward the FIN and continue to read
	// stream/fin-only pass
	// fail
}
