package check_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"

	"echod/check"
)

// The author of a proxy sets Dial, and learns what the proxy does to a stream.
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

// The reports are usually those of two calls of Run, with the same seed.
func ExampleCompare() {
	report := func(r check.Result) *check.Report { return &check.Report{Results: []check.Result{r}} }
	path := report(check.Result{Rule: "stream/half-close", Verdict: check.Fail, Class: check.PrematureEOF, Offset: 0})
	direct := report(check.Result{Rule: "stream/half-close", Verdict: check.Pass, Offset: -1})

	for _, rule := range check.Compare(path, direct).Rules {
		fmt.Println(rule.Rule, rule.Blame)
		fmt.Println(rule.Detail)
	}
	// Output:
	// stream/half-close path
	// the path is at fault: the server passes directly, the path fails with premature-eof
}

// Reports are read back from JSON, e.g. to write them in another format.
func ExampleReport_WriteText() {
	report := &check.Report{
		Target:  check.Target{Network: "tcp", Address: "echo.example:7"},
		Options: check.Options{Seed: 42},
		Results: []check.Result{
			{Rule: "stream/first-byte", Verdict: check.Pass, Offset: -1},
			{Rule: "stream/idle", Verdict: check.Skip, Offset: -1, Detail: "needs --long"},
		},
	}
	report.WriteText(os.Stdout, false)
	// Output:
	// tcp://echo.example:7  seed 42
	//
	// stream/first-byte  pass        0s
	// stream/idle        skip        0s  needs --long
	//
	// honest: 1 rule passed, 1 skipped (0s)
}
