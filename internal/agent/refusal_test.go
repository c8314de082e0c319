package agent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// exchange sends text to server on a new connection, and returns the first line of the
// answer.
func exchange(t *testing.T, server *Server, text string) string {
	t.Helper()
	server.init()
	c, client := pipeConn(server)
	served := make(chan struct{})
	go func() {
		defer close(served)
		c.serve(t.Context())
	}()
	go io.WriteString(client, text)
	line, _ := bufio.NewReader(client).ReadString('\n')
	client.Close()
	<-served
	return line
}

// loggingServer returns a server that needs a token, and logs JSON to log.
func loggingServer(log *bytes.Buffer) *Server {
	return &Server{
		Token: NewSecret(sesame), Limits: Limits{Time: 20 * time.Millisecond}.withDefaults(),
		Log: slog.New(slog.NewJSONHandler(log, nil)), lineTimeout: testTimeout, waits: make(chan struct{}, 1),
	}
}

func TestLogOfARefusalIsShortAndHasOnlyKnownWords(t *testing.T) {
	long := strings.Repeat("x", 900)
	tests := []struct {
		name, line string
		want       map[string]any
	}{
		{"not this protocol", long, map[string]any{"kind": "malformed"}},
		{"line too long", "echod-agent/1 " + long + long, map[string]any{"kind": "malformed"}},
		{"no token", "echod-agent/1 RUN take id=x", map[string]any{"kind": "token-needed"}},
		{"wrong token", "echod-agent/1 RUN take id=x token=" + long, map[string]any{"kind": "token-wrong"}},
		{"malformed, with the token", "echod-agent/1 RUN take id=x id=x token=" + sesame, map[string]any{"kind": "malformed"}},
		{"unknown verb", "echod-agent/1 " + long + " token=" + sesame, map[string]any{"kind": "unknown", "verb": "other"}},
		{"unknown scenario", "echod-agent/1 RUN " + long + " token=" + sesame, map[string]any{"kind": "unknown", "verb": "RUN", "scenario": "other"}},
		{"unknown parameter", "echod-agent/1 RUN take " + long + "=1 token=" + sesame, map[string]any{"kind": "unknown", "verb": "RUN", "scenario": "take"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			server := loggingServer(&log)
			if got := exchange(t, server, tt.line+"\n"); len(got) > 200 {
				t.Errorf("got an answer of %d bytes", len(got))
			}
			if log.Len() > 300 {
				t.Errorf("got %d bytes of log", log.Len())
			}
			var got map[string]any
			if err := json.Unmarshal(log.Bytes(), &got); err != nil {
				t.Fatalf("want one line of log: %v\n%s", err, &log)
			}
			maps.DeleteFunc(got, func(key string, _ any) bool { return slices.Contains([]string{"time", "level", "client"}, key) })
			tt.want["msg"] = "request refused"
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("logged (-want +got):\n%s", diff)
			}
			if got := server.Snapshot().Refused; got != 1 {
				t.Errorf("got %d refusals counted, want 1", got)
			}
		})
	}
}

// TestClosedConnectionsAreNotLogged closes connections before the end of the first line.
func TestClosedConnectionsAreNotLogged(t *testing.T) {
	var log bytes.Buffer
	server := loggingServer(&log)
	server.init()
	for _, text := range []string{"", "echod-agent/1 HEL"} {
		c, client := pipeConn(server)
		served := make(chan struct{})
		go func() {
			defer close(served)
			c.serve(t.Context())
		}()
		io.WriteString(client, text)
		c.Conn.Close() // as if it were displaced
		<-served
		client.Close()
	}
	if log.Len() > 0 || server.Snapshot().Refused != 0 {
		t.Errorf("got %d refusals, and this log:\n%s", server.Snapshot().Refused, &log)
	}
}

// FuzzTokenIsNeitherLoggedNorAnswered sends a line with the token anywhere in it. If
// authenticated, the line has the token as a parameter too.
func FuzzTokenIsNeitherLoggedNorAnswered(f *testing.F) {
	for _, authenticated := range []bool{false, true} {
		f.Add("echod-agent/1 HELLO token="+sesame+" token=", "", authenticated)
		f.Add("echod-agent/1 HELLO token=x ", "", authenticated)
		f.Add("echod-agent/1 ", "", authenticated)
		f.Add("echod-agent/1 ", " x", authenticated)
		f.Add("echod-agent/1 RUN ", " id=x", authenticated)
		f.Add("echod-agent/1 HELLO ", "", authenticated)
		f.Add("echod-agent/1 RUN take id=", "", authenticated)
		f.Add("echod-agent/1 RUN take id=x group=", "", authenticated)
		f.Add("echod-agent/1 RUN take id=x ", "=1", authenticated)
		f.Add("echod-agent/1 RUN reset id=x take=", "", authenticated)
		f.Add("echod-agent/1 REPORT id=", "", authenticated)
		f.Add("echod-agent/1 REPORT id=x wait=", "", authenticated)
		f.Add("echod-agent/1 COUNT group=x", "", authenticated)
		f.Add("echod-agent/", " HELLO", authenticated)
		f.Add("", "", authenticated)
		f.Add("GET /?", " HTTP/1.1", authenticated)
		f.Add("echod-agent/1 HELLO "+strings.Repeat("x", MaxLine-30), "", authenticated)
	}
	f.Fuzz(func(t *testing.T, before, after string, authenticated bool) {
		line := before + sesame + after
		if authenticated {
			line += " token=" + sesame
		}
		var log bytes.Buffer
		server := loggingServer(&log)
		synctest.Test(t, func(t *testing.T) {
			if got := exchange(t, server, line+"\n"); strings.Contains(got, sesame) {
				t.Errorf("%q: got the answer %q", line, got)
			}
		})
		if strings.Contains(log.String(), sesame) || strings.Contains(log.String(), before) && len(before) > 100 {
			t.Errorf("%q: got the log %s", line, &log)
		}
	})
}
