package spread

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"echod/internal/agent"
	"echod/internal/dial"
	"echod/internal/load"
)

// pretend is a worker that sends what lines says, after each line that it receives. After the last it
// reads, and keeps silent.
func pretend(t *testing.T, lines ...string) dial.Target {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		for _, line := range lines {
			for {
				got, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if !strings.Contains(got, `"alive"`) {
					break
				}
			}
			io.WriteString(conn, line)
		}
		io.Copy(io.Discard, in)
	}()
	return tcp(ln.Addr().String())
}

// greets is the first line of a worker that has another version of one thing, or of none.
func greets(protocol, format, echod string) string {
	line, _ := json.Marshal(reply{Hello: &greeting{protocol, format, echod, time.Now().UnixNano()}})
	return string(line) + "\n"
}

func TestWorkerThatIsNoneIsNamed(t *testing.T) {
	t.Parallel()
	good := greets(Protocol, load.Format, "test")
	const short = 300 * time.Millisecond // what the silent ones make the test wait
	for _, tt := range []struct {
		name    string
		lines   []string
		silence time.Duration
		want    string
	}{
		{"garbage", []string{"HTTP/1.1 400 Bad Request\r\n\r\n"}, testTimeout, "does not answer as a worker"},
		{"an echo", []string{`{"hello":{"protocol":"echod-worker/2","run":"x"}}` + "\n"}, testTimeout, "does not answer as a worker"},
		{"never answers", nil, short, "sent nothing for"},
		{"half a line and silence", []string{`{"hel`}, short, "sent nothing for 300ms"},
		{"an endless first line", []string{strings.Repeat("x", chunk+1)}, testTimeout, "line of more than"},
		{"another protocol", []string{greets("echod-worker/1", load.Format, "test")}, testTimeout, "another version"},
		{"another format", []string{greets(Protocol, "echod-bench/2", "test")}, testTimeout, "another version"},
		{"another echod", []string{greets(Protocol, load.Format, "0.9\x1b[2J")}, testTimeout, `echod 0.9\x1b[2J, want test`},
		{"silent after hello", []string{good}, short, "sent nothing for 300ms"},
		{"half a line later", []string{good, `{"ready":tr`}, short, "sent nothing for 300ms"},
		{"garbage later", []string{good, "?\n"}, testTimeout, "is lost: not a line of"},
		{"two fields", []string{good, `{"ready":true,"alive":true}` + "\n"}, testTimeout, "is lost: not a line of"},
		{"a field of nobody", []string{good, `{"redy":true}` + "\n"}, testTimeout, "is lost: not a line of"},
		{"a result before the start", []string{good, `{"done":{"began":1,"measured":1,"result":{}}}` + "\n"}, testTimeout, "sent what was not asked for"},
		{"a pong too much", []string{good, `{"ready":true}` + "\n", `{"pong":{"n":2,"clock":5}}` + "\n"}, testTimeout, "sent what was not asked for"},
		{"a clock that goes back", []string{good, `{"ready":true}` + "\n", `{"pong":{"n":1,"clock":5}}` + "\n", `{"pong":{"n":2,"clock":4}}` + "\n"}, testTimeout, "goes back"},
		{"a refusal", []string{`{"error":{"kind":"busy","text":"go\u001b away"}}` + "\n"}, testTimeout, `busy: go\x1b away`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			target := pretend(t, tt.lines...)
			c := coordinate(target)
			c.silence = tt.silence
			_, err := c.Run(t.Context(), messages(t, "tcp://127.0.0.1:7", 1, 1), nil)
			blames(t, err, target)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestEndlessLineEndsAtItsLimit: without it, a worker could fill the memory of its coordinator.
func TestEndlessLineEndsAtItsLimit(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		for line := []byte(strings.Repeat("x", chunk)); ; {
			if _, err := far.Write(line); err != nil {
				return
			}
		}
	}()
	_, err := read[reply](newLines(near, testTimeout), 3*chunk)
	if err == nil || !strings.Contains(err.Error(), "sent a line of more than 192 KiB") {
		t.Errorf("got %v", err)
	}
	far.Close()
}

// late is a connection that has some bytes, and then nothing until its deadline.
type late struct {
	net.Conn
	text io.Reader
}

func (l late) SetReadDeadline(time.Time) error { return nil }

func (l late) Read(b []byte) (int, error) {
	if n, err := l.text.Read(b); err == nil {
		return n, nil
	}
	return 0, os.ErrDeadlineExceeded
}

func TestSilenceWithinALineIsSaidSo(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "sent nothing for 5s", `{"ready":tr`: "sent nothing for 5s, after half a line", `{"alive":true}` + "\n" + `{`: "sent nothing for 5s, after half a line",
	} {
		l := newLines(late{text: strings.NewReader(text)}, silence)
		var err error
		for err == nil {
			_, err = read[reply](l, maxLine)
		}
		if err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestTokenIsNeededAndNotLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var list samples
	target, stop := serve(t, &Worker{Token: secret, carry: list.carry, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	for given, want := range map[string]string{"": "wants a token", "wrong-and-long": "not the token", "open-sesame": ""} {
		c := coordinate(target)
		c.Token = agent.NewSecret(given)
		_, err := c.Run(t.Context(), messages(t, "tcp://127.0.0.1:7", 1, 1), nil)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("token %q: got %v, want %q", given, err, want)
		}
	}
	stop()
	for _, hidden := range []string{"wrong-and-long", "open-sesame", "protocol=", "run="} {
		if strings.Contains(log.String(), hidden) {
			t.Errorf("the log has %q:\n%s", hidden, log.String())
		}
	}
}

func TestSecondCoordinatorIsToldBusy(t *testing.T) {
	t.Parallel()
	load := newBlocked(2)
	target, _ := serve(t, &Worker{carry: load.carry})
	ctx, stop := context.WithCancel(t.Context())
	var first sync.WaitGroup
	first.Go(func() { coordinate(target).Run(ctx, messages(t, "tcp://127.0.0.1:7", 1, 1), nil) })
	<-load.begun
	_, err := coordinate(target).Run(t.Context(), messages(t, "tcp://127.0.0.1:7", 1, 1), nil)
	blames(t, err, target)
	if !refusedAs(err, KindBusy) {
		t.Errorf("got %v, want busy", err)
	}
	stop()
	first.Wait() // the worker is free then
	again := coordinate(target)
	ctx, stop = context.WithCancel(t.Context())
	go func() { <-load.begun; stop() }()
	if _, err := again.Run(ctx, messages(t, "tcp://127.0.0.1:7", 1, 1), nil); err != nil {
		t.Errorf("after the first: %v", err)
	}
}

func TestOneWorkerByTwoURLsIsADuplicate(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, &Worker{carry: newBlocked(2).carry})
	_, err := coordinate(target, target).Run(t.Context(), messages(t, "tcp://127.0.0.1:7", 2, 2), nil)
	if !refusedAs(err, KindDuplicate) {
		t.Errorf("got %v, want that it is a duplicate", err)
	}
}

// TestWorkerStopsWhenItsCoordinatorIsGone: one closes its connection, the other sends nothing more.
func TestWorkerStopsWhenItsCoordinatorIsGone(t *testing.T) {
	t.Parallel()
	for name, silent := range map[string]bool{"closed": false, "silent": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			load := newBlocked(100)
			w := &Worker{carry: load.carry}
			if silent {
				w.silence = 500 * time.Millisecond
			}
			target, _ := serve(t, w)
			conn := beginAlone(t, target, load)
			if !silent {
				conn.Close()
			}
			<-load.ended // and the test ends only when the worker has nothing left
		})
	}
}

// beginAlone makes a worker begin, and sends nothing more. On a busy machine, a worker that waits only
// shortly may be gone before it has begun: then it tries again.
func beginAlone(t *testing.T, target dial.Target, load *blocked) net.Conn {
	plan := messages(t, "tcp://127.0.0.1:7", 1, 1)
	for {
		conn, err := target.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		for _, r := range []request{{Hello: &hello{Protocol: Protocol, Run: "x"}}, {Job: &job{Plan: plan}}, {Start: &start{1}}} {
			newLines(conn, testTimeout).write(r, maxLine)
		}
		gone := make(chan bool)
		go func() { io.Copy(io.Discard, conn); close(gone) }()
		select {
		case <-load.begun:
			return conn
		case <-gone:
		}
	}
}

func TestGarbageOfACoordinatorIsRefused(t *testing.T) {
	t.Parallel()
	good := `{"hello":{"protocol":"echod-worker/2","run":"x"}}` + "\n"
	for name, lines := range map[string]string{
		"an endless line": strings.Repeat("x", chunk+1),
		"a long line":     strings.Repeat("x", maxHello) + "\n",
		"garbage":         "GET / HTTP/1.1\r\n\r\n",
		"another version": `{"hello":{"protocol":"echod-worker/9","run":"x"}}` + "\n",
		"no run":          `{"hello":{"protocol":"echod-worker/2"}}` + "\n",
		"a job first":     `{"stop":true}` + "\n",
		"a start first":   good + `{"start":{"at":1}}` + "\n",
		"two hellos":      good + good,
		"no such plan":    good + `{"job":{"plan":{"url":"tcp://127.0.0.1:7","conns":-1}}}` + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target, _ := serve(t, &Worker{})
			conn, err := target.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.WriteString(conn, lines)
			l := newLines(conn, testTimeout)
			for {
				r, err := read[reply](l, maxLine)
				if err != nil {
					t.Fatalf("got %v, want a refusal", err)
				}
				if r.Error != nil {
					return
				}
			}
		})
	}
}

func TestMoreConnectionsThanTheWorkerHasDescriptors(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, &Worker{MaxConns: 3})
	_, err := coordinate(target).Run(t.Context(), messages(t, "tcp://127.0.0.1:7", 4, 4), nil)
	blames(t, err, target)
	if err == nil || !strings.Contains(err.Error(), "4 connections: this worker can have 3") {
		t.Errorf("got %v", err)
	}
}
