package check_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"echod/check"
)

// diesOfSIGPIPE serves one connection after another, and stops when a write fails.
func diesOfSIGPIPE(t *testing.T) check.Target {
	l, err := net.Listen("tcp", ownAddress())
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
	var text strings.Builder
	report.WriteText(&text, false)
	t.Log(&text)
	first := report.Results[0]
	if first.Rule != "target/alive" || !strings.HasPrefix(first.Detail, "the server stopped accepting during stream/") {
		t.Errorf("got %s %q first", first.Rule, first.Detail)
	}
	// What broke with the server is one finding, and what was not decided is not one.
	for _, result := range report.Results[1:] {
		if result.Rule != "stream/urgent" && result.Verdict == check.Fail && result.ExplainedBy != first.Rule {
			t.Errorf("%s failed, explained by %q, want %s", result.Rule, result.ExplainedBy, first.Rule)
		}
	}
	explanations := strings.SplitN(text.String(), "\n\n", 3)
	if len(explanations) < 3 || !strings.HasPrefix(explanations[2], first.Rule+": ") {
		t.Errorf("got another explanation than that of %s first", first.Rule)
	}
}

// servesOne serves one connection, and closes its listener.
func servesOne(t *testing.T) check.Target {
	l, err := net.Listen("tcp", ownAddress())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		l.Close()
		if err != nil {
			return
		}
		defer c.Close()
		io.Copy(c, c)
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return check.Target{Network: "tcp", Address: l.Addr().String()}
}

func TestAServerThatServesOneClientIsSaidToEndWithIt(t *testing.T) {
	t.Parallel()
	report, err := check.Run(t.Context(), servesOne(t), check.Options{Rules: []string{"stream/first-byte", "stream/bulk"}})
	if err != nil {
		t.Fatal(err)
	}
	wantDetail(t, report.Results[0], check.Fail, check.Refused, "^the server stopped accepting after its first clients and did not come back$")
	if !strings.Contains(report.Results[0].Cause, "nc -l") {
		t.Errorf("got the cause %q", report.Results[0].Cause)
	}
}
