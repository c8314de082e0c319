package check_test

import (
	"net"
	"strings"
	"testing"

	"echod/check"
)

// diesOfSIGPIPE serves one connection after another, and stops when a write fails.
func diesOfSIGPIPE(t *testing.T) check.Target {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer l.Close()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 64<<10)
			for {
				n, err := c.Read(buf)
				if err != nil {
					break
				}
				if _, err := c.Write(buf[:n]); err != nil {
					c.Close()
					return
				}
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return check.Target{Network: "tcp", Address: l.Addr().String()}
}

func TestAServerThatDiesOfAWriteIsTheFirstFinding(t *testing.T) {
	t.Parallel()
	report, err := check.Run(t.Context(), diesOfSIGPIPE(t), check.Options{})
	if err != nil {
		t.Fatal(err)
	}
	report.WriteText(t.Output(), false)
	first := report.Results[0]
	if first.Rule != "target/alive" || !strings.HasPrefix(first.Detail, "the server stopped accepting during stream/") {
		t.Errorf("got %s %q first", first.Rule, first.Detail)
	}
}
