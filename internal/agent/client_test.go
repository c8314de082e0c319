package agent

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"time"
)

// startReplying starts a server that answers each first line with reply(line), and then
// closes the connection.
func startReplying(t *testing.T, reply func(line string) string) *Client {
	t.Helper()
	ln := listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(conn).ReadString('\n')
			io.WriteString(conn, reply(line))
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		ln.Close()
		<-done
	})
	return &Client{Target: tcpTo(ln), Timeout: testTimeout}
}

func TestClientErrorsNameTheCause(t *testing.T) {
	tests := []struct{ name, answer, want string }{
		{"older", "echod-agent/1 error unknown the scenario take\n", "the agent is older: it does not know the scenario take"},
		{"older protocol", "echod-agent/0 error version this agent speaks echod-agent/0\n", "the agent is older: this agent speaks echod-agent/0"},
		{"newer protocol", "echod-agent/2 error version this agent speaks echod-agent/2\n", "the agent is newer: this agent speaks echod-agent/2"},
		{"token needed", "echod-agent/1 error token-needed give it\n", "the agent needs a token"},
		{"token wrong", "echod-agent/1 error token-wrong no\n", "the token is wrong"},
		{"limit", "echod-agent/1 error limit delay may be at most 5\n", "the agent does not allow it: delay may be at most 5"},
		{"source", "echod-agent/1 error source the datagram came from port 80\n", "the agent does not answer there: the datagram came from port 80"},
		{"busy", "echod-agent/1 error busy 64 scenarios\n", "the agent is busy: 64 scenarios"},
		{"kind of a later agent", "echod-agent/1 error newkind the reason\n", "the agent refuses: the reason"},
		{"other service", "220 mail.example ESMTP\n", `not an agent: the answer starts with "220 mail.example ESMTP"`},
		{"service without lines", "no line", `not an agent: the answer starts with "no line"`},
		{"endless line", strings.Repeat("x", 5*MaxLine), "not an agent: the answer starts with \"" + strings.Repeat("x", 40) + `"`},
		{"part of the protocol name", "echod-ag", "the agent does not answer: the connection was closed"},
		{"part of an answer", "echod-agent/1 o", "the agent does not answer: the connection was closed"},
		{"nothing", "", "the agent does not answer: the connection was closed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := startReplying(t, func(string) string { return tt.answer })
			if _, err := c.Start(t.Context(), "take", "", nil); err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestClientDoesNotMistakeAnEchoForAnAgent(t *testing.T) {
	c := startReplying(t, func(line string) string { return line })
	_, err := c.Hello(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), `not an agent: the answer starts with "echod-agent/1 HELLO"`) {
		t.Errorf("got %v", err)
	}
}

func TestClientTimesOut(t *testing.T) {
	t.Parallel()
	ln := listen(t)
	silent := &Client{Target: tcpTo(ln), Timeout: 2 * time.Second}
	if _, err := silent.Hello(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "the agent does not answer: ") {
		t.Errorf("silent: got %v", err)
	}
	ln.Close()
	if _, err := silent.Hello(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "the agent cannot be reached: ") {
		t.Errorf("closed: got %v", err)
	}
}

func TestFieldsOfALaterAgentAreIgnored(t *testing.T) {
	c := startReplying(t, func(string) string { return `echod-agent/1 ok {"end":"fin","new":"field"}` + "\n" })
	if got, err := c.Report(t.Context(), "x", 0); err != nil || got.End != FIN {
		t.Errorf("got end %q, %v", got.End, err)
	}
}

func TestPartOfATokenIsNotEqual(t *testing.T) {
	for _, tt := range []struct {
		got, want string
		same      bool
	}{{"a", "a", true}, {"a", "ab", false}, {"ab", "a", false}, {"", "a", false}} {
		if NewSecret(tt.want).Equal(NewSecret(tt.got)) != tt.same {
			t.Errorf("%q and %q: got %t", tt.got, tt.want, !tt.same)
		}
	}
}
