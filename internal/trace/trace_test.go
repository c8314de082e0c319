package trace

import (
	"bytes"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"echod/internal/sys"
)

func TestFilterChoosesConnections(t *testing.T) {
	peer := netip.MustParseAddrPort("127.0.0.1:5001")
	other := netip.MustParseAddrPort("127.0.0.2:5001")
	for _, tt := range []struct {
		text string
		want string // for connections 1 to 4 of peer, and 5 of other: y or n
	}{
		{"all", "yyyyy"}, {"every:1", "yyyyy"}, {"every:2", "ynyny"}, {"first:2", "yynnn"},
		{"peer:127.0.0.1:5001", "yyyyn"}, {"peer:127.0.0.1", "yyyyn"}, {"peer:127.0.0.1:5002", "nnnnn"}, {"peer:::1", "nnnnn"},
	} {
		f, err := ParseFilter(tt.text)
		if err != nil || f.String() != tt.text {
			t.Errorf("%s: got %s, %v", tt.text, f, err)
		}
		got := ""
		for n, addr := range []netip.AddrPort{peer, peer, peer, peer, other} {
			got += map[bool]string{true: "y", false: "n"}[f.keeps(n+1, addr)]
		}
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.text, got, tt.want)
		}
	}
	for _, text := range []string{"", "every:0", "every:", "first:-1", "first:x", "peer:", "peer:name:80", "peer:127.0.0.1:x", "last:3"} {
		if f, err := ParseFilter(text); err == nil {
			t.Errorf("%q: got %s, want an error", text, f)
		}
	}
}

// The reasons of a whole life, as a table of calls.
func TestReasonsFollowFromTheCalls(t *testing.T) {
	held := func(state string, arrived int) *sys.Held { return &sys.Held{State: state, Arrived: arrived} }
	for _, life := range []struct {
		name  string
		side  Side
		steps []Record
		want  []string
	}{
		{"a half-close", Server, []Record{
			{Op: Accept}, {Op: Watch, Events: []Event{Readable}}, {Op: Wait, Events: []Event{Readable}, Held: held("ESTABLISHED", 5)},
			{Op: Receive, N: 5, Asked: 100}, {Op: Send, N: 5, Asked: 5}, {Op: Receive, Asked: 100, Errno: "EAGAIN"},
			{Op: Wait, Events: []Event{Readable}, Held: held("CLOSE_WAIT", 0)}, {Op: Receive, Asked: 100}, {Op: LingerOff}, {Op: Close},
		}, []string{
			"a connection was in the queue of the listener", "wait until bytes arrive", "5 bytes arrived",
			"5 bytes are owed", "all is sent: nothing is owed", "nothing has arrived",
			"the peer has finished: its FIN has arrived", "the peer has finished, and nothing is owed: a half-close",
			"the honest end: close will send a FIN, and not a reset", "a FIN: the peer has all of its bytes, or will get them",
		}},
		{"backpressure", Server, []Record{
			{Op: Accept}, {Op: Receive, N: 5, Asked: 100}, {Op: Send, N: 3, Asked: 5}, {Op: Watch, Events: []Event{Writable}},
			{Op: Wait, Events: []Event{Writable}}, {Op: Send, Asked: 2, Errno: "EAGAIN"}, {Op: Send, N: 2, Asked: 2}, {Op: Watch, Events: []Event{Readable}},
		}, []string{
			"a connection was in the queue of the listener", "5 bytes are owed", "2 bytes could not be sent, so reading stops",
			"wait for room, and read nothing meanwhile: this is the backpressure", "there is room again for the 2 bytes that are owed",
			"the kernel has no room: 2 bytes wait until the peer takes some", "all is sent: nothing is owed", "nothing is owed: wait for the next bytes",
		}},
		{"undelivered at the end", Server, []Record{
			{Op: Accept}, {Op: Receive, Asked: 1}, {Op: LingerOff}, {Op: Shutdown}, {Op: Query, N: 1}, {Op: Query}, {Op: Close},
		}, []string{
			"a connection was in the queue of the listener", "the peer has finished, and nothing is owed: a half-close",
			"the honest end: close will send a FIN, and not a reset", "a FIN: all is sent, but not yet acknowledged, so the socket stays open",
			"1 byte is not acknowledged yet", "the peer has acknowledged everything", "all is acknowledged",
		}},
		{"resets", Server, []Record{
			{Op: Accept}, {Op: Receive, N: 1, Asked: 9}, {Op: Receive, Asked: 9, Errno: "ECONNRESET"}, {Op: Close},
		}, []string{
			"a connection was in the queue of the listener", "1 byte is owed", "the peer has reset the connection",
			"a reset: the peer has reset the connection before, and 1 byte is lost",
		}},
		{"a write that moves bytes and then fails", Server, []Record{
			{Op: Accept}, {Op: Receive, N: 5, Asked: 9}, {Op: Send, N: 3, Asked: 5, Errno: "i/o timeout"}, {Op: Send, N: 2, Asked: 2},
		}, []string{"a connection was in the queue of the listener", "5 bytes are owed", "the deadline has passed", "all is sent: nothing is owed"}},
		{"closed by another goroutine", Server, []Record{
			{Op: Accept}, {Op: Receive, Asked: 9, Errno: "use of closed network connection"}, {Op: Close, Errno: "use of closed network connection"},
		}, []string{"a connection was in the queue of the listener", "another goroutine has closed the connection", "a reset: no byte of this stream was received"}},
		{"a reset after our FIN", Server, []Record{
			{Op: Accept}, {Op: LingerOff}, {Op: Shutdown}, {Op: Query, Errno: "ECONNRESET"}, {Op: Close},
		}, []string{
			"a connection was in the queue of the listener", "the honest end: close will send a FIN, and not a reset",
			"a FIN: all is sent, but not yet acknowledged, so the socket stays open", "the peer has reset the connection", "a reset: the peer has reset the connection before",
		}},
		{"a unix socket", Server, []Record{{Op: Accept, Peer: UnixPeer}, {Op: Receive, Asked: 9}, {Op: Close}}, []string{
			"a connection was in the queue of the listener", "the peer has finished, and nothing is owed: a half-close", "an end of file: nothing is unread"}},
		{"a unix socket with unread bytes", Server, []Record{{Op: Accept, Peer: UnixPeer}, {Op: Peek, N: 5, Asked: 9, Held: held("", 5)}, {Op: Close}}, []string{
			"a connection was in the queue of the listener", "5 bytes arrived and stay in the kernel until they are sent back", "a reset: 5 bytes are unread"}},
		{"refused under TLS", Server, []Record{{Op: Accept}, {Op: Shutdown}, {Op: Close}}, []string{
			"a connection was in the queue of the listener", "a FIN: the client is refused, and has time to read why",
			"a reset, unless the client has closed, too: it is refused"}},
		{"stalled after our FIN", Server, []Record{{Op: Accept}, {Op: LingerOff}, {Op: Shutdown}, {Op: Query, N: 7}, {Op: LingerOn}, {Op: Close}}, []string{
			"a connection was in the queue of the listener", "the honest end: close will send a FIN, and not a reset",
			"a FIN: all is sent, but not yet acknowledged, so the socket stays open", "7 bytes are not acknowledged yet",
			"close will send a reset", "a reset: 7 bytes are not acknowledged, and may be lost"}},
		{"refused, or reset by a drain", Server, []Record{{Op: Accept}, {Op: Close}}, []string{
			"a connection was in the queue of the listener", "a reset: no byte of this stream was received"}},
		{"silent until the idle timeout", Server, []Record{{Op: Accept}, {Op: Receive, Asked: 9, Errno: "EAGAIN"}, {Op: Close}}, []string{
			"a connection was in the queue of the listener", "nothing has arrived", "a reset: no byte of this stream was received"}},
		{"reset before its first byte", Server, []Record{{Op: Accept}, {Op: Receive, Asked: 9, Errno: "ECONNRESET"}, {Op: Close}}, []string{
			"a connection was in the queue of the listener", "the peer has reset the connection", "a reset: the peer has reset the connection before"}},
		{"reset after its FIN", Server, []Record{
			{Op: Accept, Held: held("CLOSE_WAIT", 3)}, {Op: Receive, N: 3, Asked: 9, Held: held("CLOSE_WAIT", 0)}, {Op: Send, N: 3, Asked: 3, Held: held("CLOSE", 0)},
			{Op: Receive, Asked: 9, Held: held("CLOSE", 0)}, {Op: LingerOff, Held: held("CLOSE", 0)}, {Op: Close},
		}, []string{
			"a connection was in the queue of the listener", "3 bytes are owed", "all is sent: nothing is owed", "the peer has finished, and then it has reset the connection",
			"the connection has ended already: close will send nothing", "a reset: the peer has reset the connection before"}},
		{"reset after our FIN", Server, []Record{{Op: Accept}, {Op: Shutdown}, {Op: Query, Errno: "ECONNRESET"}, {Op: LingerOn}, {Op: Close}}, []string{
			"a connection was in the queue of the listener", "a FIN: the client is refused, and has time to read why", "the peer has reset the connection",
			"the connection has ended already: close will send nothing", "a reset: the peer has reset the connection before"}},
		{"a reset that select cannot tell from bytes", Server, []Record{{Op: Accept}, {Op: Wait, Events: []Event{Readable}, Held: held("CLOSE", 0)}, {Op: Receive, Asked: 9, Errno: "ECONNRESET"}}, []string{
			"a connection was in the queue of the listener", "the connection has failed: the next call says how", "the peer has reset the connection"}},
		{"a client that is reset", Client, []Record{{Op: Connect}, {Op: Receive, Asked: 9, Errno: "ECONNRESET"}, {Op: Close}}, []string{
			"the service has accepted the connection, or its kernel has", "the peer has reset the connection", "the end: the peer has reset the connection before"}},
		{"the peer vanishes", Server, []Record{{Op: Accept}, {Op: Receive, N: 2, Asked: 9}, {Op: Send, Asked: 2, Errno: "ETIMEDOUT"}, {Op: Close}}, []string{
			"a connection was in the queue of the listener", "2 bytes are owed", "the kernel gave up: the peer did not acknowledge",
			"a reset: the kernel has given the connection up before, and 2 bytes are lost"}},
		{"an option that cannot be set", Server, []Record{{Op: Accept, Held: held("ESTABLISHED", 5)}, {Op: LingerOn, Errno: "ENOBUFS"}, {Op: Close}}, []string{
			"a connection was in the queue of the listener", "the call failed", "a reset: 5 bytes are unread"}},
		{"a drain leaves what is not acknowledged", Server, []Record{
			{Op: Accept}, {Op: LingerOff}, {Op: Shutdown}, {Op: Query, N: 7}, {Op: Close},
		}, []string{
			"a connection was in the queue of the listener", "the honest end: close will send a FIN, and not a reset",
			"a FIN: all is sent, but not yet acknowledged, so the socket stays open", "7 bytes are not acknowledged yet",
			"7 bytes were not acknowledged when it was asked: the kernel goes on to deliver what is left",
		}},
		{"without memory of its own", Server, []Record{
			{Op: Accept}, {Op: Peek, N: 5, Asked: 9}, {Op: Send, N: 3, Asked: 5}, {Op: Receive, N: 3, Asked: 3}, {Op: Watch, Events: []Event{Writable}},
			{Op: Wait, Events: []Event{Writable}}, {Op: Peek, N: 2, Asked: 9}, {Op: Send, Asked: 2, Errno: "EAGAIN"}, {Op: Send, N: 2, Asked: 2}, {Op: Receive, N: 2, Asked: 2},
			{Op: Peek, Asked: 9}, {Op: LingerOff}, {Op: Close},
		}, []string{
			"a connection was in the queue of the listener", "5 bytes arrived and stay in the kernel until they are sent back",
			"3 bytes are sent, and taken from the kernel next; 2 bytes stay there", "3 bytes are taken from the kernel: they are sent already",
			"wait for room, and read nothing meanwhile: this is the backpressure", "there is room again for the 2 bytes that are owed",
			"2 bytes arrived and stay in the kernel until they are sent back", "the kernel has no room: 2 bytes wait until the peer takes some",
			"2 bytes are sent, and taken from the kernel next", "2 bytes are taken from the kernel: they are sent already",
			"the peer has finished, and nothing is owed: a half-close",
			"the honest end: close will send a FIN, and not a reset", "a FIN: the peer has all of its bytes, or will get them",
		}},
		{"a unix socket whose peer is gone", Server, []Record{{Op: Accept, Peer: UnixPeer}, {Op: Wait, Events: []Event{Readable}, Held: held("", 0)}, {Op: Peek, Asked: 9, Errno: "ECONNRESET"}, {Op: Close}}, []string{
			"a connection was in the queue of the listener", "the peer has finished, or has gone", "the peer has reset the connection", "an end of file: nothing is unread"}},
		{"TLS", Server, []Record{{Op: Accept}, {Op: Handshake}, {Op: Receive, N: 5, Asked: 9}, {Op: Send, N: 5, Asked: 5}, {Op: Receive, Asked: 9}, {Op: CloseNotify}, {Op: LingerOff}, {Op: Close}}, []string{
			"a connection was in the queue of the listener", "the peers have agreed on keys: bytes of the stream may follow", "5 bytes are owed", "all is sent: nothing is owed",
			"the peer has finished, and nothing is owed: a half-close", "a close_notify: the peer knows that nothing is missing",
			"the honest end: close will send a FIN, and not a reset", "a FIN: the peer has all of its bytes, or will get them"}},
		{"a TLS stream that is cut", Server, []Record{{Op: Accept}, {Op: Handshake}, {Op: Receive, Asked: 9, Errno: "truncated"}, {Op: Close}}, []string{
			"a connection was in the queue of the listener", "the peers have agreed on keys: bytes of the stream may follow",
			"a FIN without a close_notify: bytes may be missing", "a reset: no byte of this stream was received"}},
		{"a handshake that fails", Server, []Record{{Op: Accept}, {Op: Handshake, Errno: "tls: no common version"}, {Op: Close}}, []string{
			"a connection was in the queue of the listener", "the handshake failed: the client is refused", "a reset: no byte of this stream was received"}},
		{"beyond the fd_set", Server, []Record{{Op: Accept, Engine: "select", FD: 1024}, {Op: Close}}, []string{
			"a connection was in the queue of the listener", "a reset: descriptor 1024 has no bit in an fd_set of 1,024"}},
		{"the last bit of the fd_set", Server, []Record{{Op: Accept, Engine: "select", FD: 1023}, {Op: Close}}, []string{
			"a connection was in the queue of the listener", "a reset: no byte of this stream was received"}},
		{"no SO_LINGER", Server, []Record{{Op: Accept, Held: held("ESTABLISHED", 0)}, {Op: Close}}, []string{
			"a connection was in the queue of the listener", "a FIN: the peer has all of its bytes, or will get them"}},
		{"a client", Client, []Record{
			{Op: Connect}, {Op: Send, N: 5, Asked: 5}, {Op: Receive, N: 2, Asked: 9}, {Op: Receive, N: 3, Asked: 9}, {Op: Shutdown}, {Op: Receive, Asked: 9}, {Op: Close},
		}, []string{
			"the service has accepted the connection, or its kernel has", "5 bytes are to come back", "2 bytes came back, 3 bytes are to come",
			"all came back", "a FIN: all is sent, and the answer is still to come", "the peer has finished, and nothing is owed: a half-close", "the end",
		}},
		{"a client whose bytes come back before send returns", Client, []Record{{Op: Connect}, {Op: Receive, N: 1, Asked: 9}, {Op: Send, N: 1, Asked: 1}}, []string{
			"the service has accepted the connection, or its kernel has", "all came back", "all of it has come back before the call returned"}},
		{"a client that does not read", Client, []Record{{Op: Connect}, {Op: Peek, N: 3}, {Op: Close}}, []string{
			"the service has accepted the connection, or its kernel has", "3 bytes are not read", "the end: a reset, since 3 bytes are not read"}},
		{"a client that aborts", Client, []Record{{Op: Connect}, {Op: LingerOn}, {Op: Close}}, []string{
			"the service has accepted the connection, or its kernel has", "close will send a reset", "the end: a reset"}},
		{"a client that loses bytes", Client, []Record{{Op: Connect}, {Op: Send, N: 5, Asked: 5}, {Op: Receive, Asked: 9}}, []string{
			"the service has accepted the connection, or its kernel has", "5 bytes are to come back", "the peer has finished: 5 bytes are missing"}},
	} {
		s := story{side: life.side}
		var got []string
		for _, r := range life.steps {
			got = append(got, s.step(&r))
		}
		if diff := cmp.Diff(life.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", life.name, diff)
		}
	}
}

// record makes a trace of n lives of two steps.
func record(t *testing.T, cfg Config, n int) {
	t.Helper()
	cfg.Header = Header{Program: "a test", Side: Server}
	r := New(cfg)
	for range n {
		l := r.Begin(netip.MustParseAddrPort("127.0.0.1:5001"))
		l.Step(Record{Op: Accept, Call: "Accept", Peer: "127.0.0.1:5001"})
		l.Step(Record{Op: Receive, Call: "Read", Args: "64", N: 20, Asked: 64, Data: []byte("01234567890123456789 and what follows"), Held: &sys.Held{State: "ESTABLISHED", Unacknowledged: 3}})
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFileReadsAsItWasWritten(t *testing.T) {
	var file, text bytes.Buffer
	record(t, Config{File: &file, MaxFile: 1 << 20, Text: &text, Payload: 16}, 2)
	whole := file.String()
	got, err := Read(&file)
	if err != nil || len(got.Records) != 4 || got.Header.Program != "a test" || got.Header.Format != Format {
		t.Fatalf("got %+v, %v", got, err)
	}
	want := Record{Conn: 2, Op: Receive, Call: "Read", Args: "64", N: 20, Asked: 64, Data: []byte("0123456789012345"),
		Held: &sys.Held{State: "ESTABLISHED", Unacknowledged: 3}, Why: "20 bytes are owed"}
	if diff := cmp.Diff(want, got.Records[3]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if line := strings.Split(text.String(), "\n")[1]; !strings.HasPrefix(line, "127.0.0.1:5001") ||
		!strings.HasSuffix(line, `Read(64) = 20 "012345678901"…                 ESTABLISHED out 3   20 bytes are owed`) {
		t.Errorf("got %q", line)
	}
	// A program that was killed leaves a part of a line.
	if again, err := Read(strings.NewReader(whole[:len(whole)-3])); err != nil || len(again.Records) != 3 || !again.Cut || got.Cut {
		t.Errorf("got %+v, %v; want the 3 records that are whole, and Cut", again, err)
	}
}

func TestFileThatIsNoTraceIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":    "the trace is empty",
		"{}":  "line 1: want the header of a trace in format echod-trace/1",
		"x\n": "line 1: want the header of a trace in format echod-trace/1",
		`{"format":"echod-trace/1"}` + "\n{\n{}\n":                         "line 2: unexpected end of JSON input",
		`{"format":"echod-trace/1"}` + "\n" + `{"format":"echod-trace/1"}`: "line 2: want a step, which has an op: a trace has one header",
	} {
		if _, err := Read(strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestFileEndsAtItsLimit(t *testing.T) {
	var file bytes.Buffer
	var failed []error
	record(t, Config{File: &file, MaxFile: 4000, Failed: func(err error) { failed = append(failed, err) }}, 50)
	if len(failed) != 1 || failed[0].Error() != "the file has reached its limit of 4000 bytes" {
		t.Errorf("got errors %v, want one that says that the limit is reached", failed)
	}
	if file.Len() > 4000 {
		t.Errorf("got %d bytes, want at most 4000", file.Len())
	}
	got, err := Read(&file)
	if err != nil || len(got.Records) < 5 || got.Records[len(got.Records)-1].Op != Full {
		t.Errorf("got %d records, %v; want a few, and a last one that says that the file is full", len(got.Records), err)
	}
	if got.Records[1].Data != nil {
		t.Errorf("got data %q without a payload, want none", got.Records[1].Data)
	}
}

// slowWriter accepts nothing until it is opened.
type slowWriter struct {
	open chan struct{}
	bytes.Buffer
}

func (w *slowWriter) Write(p []byte) (int, error) {
	<-w.open
	return w.Buffer.Write(p)
}

func TestSlowOutputLosesStepsAndSaysHowMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &slowWriter{open: make(chan struct{})}
		r := New(Config{File: w, MaxFile: 1 << 30})
		l := r.Begin(netip.AddrPort{})
		const steps = 3 * queueLength
		for i := range steps {
			l.Step(Record{Op: Send, N: 1, Asked: 1})
			if i == 0 {
				synctest.Wait() // the output is blocked
			}
		}
		close(w.open)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := Read(&w.Buffer)
		if err != nil {
			t.Fatal(err)
		}
		sum, lost := 0, 0
		for _, rec := range got.Records {
			if rec.Op == Lost {
				lost += rec.N
			} else {
				sum++
			}
		}
		if lost == 0 || sum+lost != steps {
			t.Errorf("got %d steps and %d lost, want %d together", sum, lost, steps)
		}
		l.Step(Record{Op: Close}) // after Close: no effect, no panic
	})
}

func TestErrorOfTheFileIsReportedOnce(t *testing.T) {
	broken := errors.New("no space left on device")
	r := New(Config{File: failingWriter{broken}, MaxFile: 1 << 20})
	r.Begin(netip.AddrPort{}).Step(Record{Op: Accept})
	if err := r.Close(); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}

	failed := make(chan error, 9)
	r = New(Config{File: failingWriter{broken}, MaxFile: 1 << 20, Failed: func(err error) { failed <- err }})
	l := r.Begin(netip.AddrPort{})
	l.Step(Record{Op: Accept})
	if err := <-failed; !errors.Is(err, broken) { // while the connection lives
		t.Errorf("got %v, want %v", err, broken)
	}
	l.Step(Record{Op: Close})
	if err := r.Close(); err != nil || len(failed) > 0 {
		t.Errorf("got %v and %d more errors, want none: the error was reported", err, len(failed))
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestConnectionThatIsNotTracedCostsNothing(t *testing.T) {
	var none *Recorder
	l := none.Begin(netip.AddrPort{})
	if l != nil || l.Now() != 0 {
		t.Errorf("got %v at %v, want nothing", l, l.Now())
	}
	data := []byte{1}
	if n := testing.AllocsPerRun(100, func() { l.Step(Record{Op: Send, Data: data}); l.Call(0, nil, nil, Record{}) }); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

// Each field of what the kernel holds has a name in a file, so that a reader can tell them apart.
func TestEveryFieldHasAName(t *testing.T) {
	for _, v := range []any{Record{}, Header{}, sys.Held{}} {
		typ := reflect.TypeOf(v)
		for i := range typ.NumField() {
			if typ.Field(i).Tag.Get("json") == "" {
				t.Errorf("%s.%s has no name", typ.Name(), typ.Field(i).Name)
			}
		}
	}
}
