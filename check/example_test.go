package check_test

import (
	"context"
	"fmt"
	"io"
	"net"

	"echod/check"
)

// A server that reads the whole request and then closes never sends the reply
// that a half-closed client waits for.
func ExampleRun() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(io.Discard, c)
			}()
		}
	}()

	target, err := check.ParseTarget("tcp://" + l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := check.Run(context.Background(), target, check.Options{
		Rules: []string{"stream/half-close", "stream/fin-only"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range report.Results {
		fmt.Println(r.Rule, r.Verdict)
	}
	fmt.Println(report.Results[0].Class)
	fmt.Println(report.Verdict())
	// Output:
	// stream/half-close fail
	// stream/fin-only pass
	// premature-eof
	// fail
}

// A proxy's author brings a Dial, and learns what the proxy does to a stream.
func ExampleTarget() {
	target := check.Target{
		Network: "tcp",
		Dial: func(context.Context) (net.Conn, error) {
			client, server := net.Pipe()
			go func() {
				defer server.Close()
				io.Copy(server, server) // the path under test
			}()
			return client, nil
		},
	}
	report, err := check.Run(context.Background(), target, check.Options{
		Rules: []string{"stream/chunking", "stream/half-close"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range report.Results {
		fmt.Println(r.Rule, r.Verdict)
	}
	// Output:
	// stream/chunking pass
	// stream/half-close skip
}

func ExampleParseTarget() {
	_, err := check.ParseTarget("tcp://localhost")
	fmt.Println(err)
	// Output: invalid URL "tcp://localhost": no port: want tcp://localhost:PORT
}
