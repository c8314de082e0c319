package sequence

import (
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"echod/internal/sys"
	"echod/internal/trace"
)

// steps makes a trace of one connection, a step each microsecond.
func steps(side trace.Side, records ...trace.Record) *trace.File {
	f := &trace.File{Header: trace.Header{Side: side}}
	for i, r := range records {
		r.Conn, r.Time = 1, time.Duration(i)*time.Microsecond
		f.Records = append(f.Records, r)
	}
	return f
}

func held(state string, arrived, unacknowledged int) *sys.Held {
	return &sys.Held{State: state, Arrived: arrived, Unacknowledged: unacknowledged}
}

// fiveBytes is the life of a connection with five bytes, of which two must wait.
func fiveBytes() *trace.File {
	return steps(trace.Server,
		trace.Record{Op: trace.Accept, Call: "accept4", Peer: "127.0.0.1:5001", Engine: "epoll", N: 7, Held: held("ESTABLISHED", 0, 0)},
		trace.Record{Op: trace.Wait, Call: "epoll_wait", N: 1, Held: held("ESTABLISHED", 5, 0)},
		trace.Record{Op: trace.Receive, Call: "recv", N: 5, Asked: 9, Held: held("ESTABLISHED", 0, 0)},
		trace.Record{Op: trace.Send, Call: "send", N: 3, Asked: 5, Held: held("ESTABLISHED", 0, 3)},
		trace.Record{Op: trace.Wait, Call: "epoll_wait", N: 1, Held: held("CLOSE_WAIT", 0, 0)},
		trace.Record{Op: trace.Send, Call: "send", N: 2, Asked: 2, Held: held("CLOSE_WAIT", 0, 0)},
		trace.Record{Op: trace.Receive, Call: "recv", Asked: 9, Held: held("CLOSE_WAIT", 0, 0)},
		trace.Record{Op: trace.LingerOff, Call: "setsockopt", Held: held("CLOSE_WAIT", 0, 0)},
		trace.Record{Op: trace.Close, Call: "close"},
	)
}

// told writes a step as: arrived received sent acknowledged, and what happened.
func told(s *Step) string {
	text := fmt.Sprintf("%s: %d %d %d %d", s.Call, s.Arrived, s.Received, s.Sent, s.Acknowledged)
	for _, one := range []struct {
		happened bool
		word     string
	}{{s.PeerFinished, " peer FIN"}, {s.Finished, " FIN"}, {s.PeerReset, " peer RST"}, {s.Reset, " RST"}} {
		if one.happened {
			text += one.word
		}
	}
	return text
}

func TestBytesAreCountedAtEachPlace(t *testing.T) {
	for _, tt := range []struct {
		name string
		file *trace.File
		want []string
		end  string
	}{
		{"a half-close", fiveBytes(), []string{
			"accept4: 0 0 0 0", "epoll_wait: 5 0 0 0", "recv: 5 5 0 0", "send: 5 5 3 0", "epoll_wait: 5 5 3 3 peer FIN",
			"send: 5 5 5 5", "recv: 5 5 5 5", "setsockopt: 5 5 5 5", "close: 5 5 5 5 FIN",
		}, "finished"},
		{"a reset by the peer", steps(trace.Server,
			trace.Record{Op: trace.Accept, Call: "accept4"}, trace.Record{Op: trace.Receive, Call: "recv", Errno: "ECONNRESET"}, trace.Record{Op: trace.Close, Call: "close"}),
			[]string{"accept4: 0 0 0 0", "recv: 0 0 0 0 peer RST", "close: 0 0 0 0"}, "reset by the peer"},
		{"a reset after a FIN", steps(trace.Server,
			trace.Record{Op: trace.Accept, Call: "accept4", Held: held("CLOSE_WAIT", 3, 0)}, trace.Record{Op: trace.Receive, Call: "recv", N: 3, Asked: 9}, trace.Record{Op: trace.Send, Call: "send", N: 3, Asked: 3, Held: held("CLOSE", 0, 3)},
			trace.Record{Op: trace.Receive, Call: "recv", Asked: 9, Held: held("CLOSE", 0, 3)}, trace.Record{Op: trace.Close, Call: "close"}),
			[]string{"accept4: 3 0 0 0 peer FIN", "recv: 3 3 0 0", "send: 3 3 3 0 peer RST", "recv: 3 3 3 0", "close: 3 3 3 0"}, "reset by the peer"},
		{"a reset after a FIN, seen by send", steps(trace.Server,
			trace.Record{Op: trace.Accept, Call: "accept4", Held: held("CLOSE_WAIT", 3, 0)}, trace.Record{Op: trace.Receive, Call: "recv", N: 3, Asked: 9}, trace.Record{Op: trace.Send, Call: "send", Asked: 3, Errno: "EPIPE"},
			trace.Record{Op: trace.Close, Call: "close"}),
			[]string{"accept4: 3 0 0 0 peer FIN", "recv: 3 3 0 0", "send: 3 3 0 0 peer RST", "close: 3 3 0 0"}, "reset by the peer"},
		{"an end that is acknowledged at once", steps(trace.Server,
			trace.Record{Op: trace.Accept, Call: "accept4", Held: held("CLOSE_WAIT", 0, 0)}, trace.Record{Op: trace.Receive, Call: "recv", Asked: 9, Held: held("CLOSE_WAIT", 0, 0)},
			trace.Record{Op: trace.Shutdown, Call: "shutdown", Held: held("CLOSE", 0, 0)}, trace.Record{Op: trace.Query, Call: "ioctl", Held: held("CLOSE", 0, 0)}, trace.Record{Op: trace.Close, Call: "close"}),
			[]string{"accept4: 0 0 0 0 peer FIN", "recv: 0 0 0 0", "shutdown: 0 0 0 0 FIN", "ioctl: 0 0 0 0", "close: 0 0 0 0"}, "finished"},
		{"undelivered", steps(trace.Server,
			trace.Record{Op: trace.Accept, Call: "accept4"}, trace.Record{Op: trace.Receive, Call: "recv", N: 9, Asked: 9}, trace.Record{Op: trace.Send, Call: "send", N: 9, Asked: 9, Held: held("ESTABLISHED", 0, 9)},
			trace.Record{Op: trace.LingerOff, Call: "setsockopt", Held: held("CLOSE_WAIT", 0, 9)}, trace.Record{Op: trace.Shutdown, Call: "shutdown", Held: held("LAST_ACK", 0, 10)}, trace.Record{Op: trace.Close, Call: "close"}),
			[]string{"accept4: 0 0 0 0", "recv: 9 9 0 0", "send: 9 9 9 0", "setsockopt: 9 9 9 0 peer FIN", "shutdown: 9 9 9 0 FIN", "close: 9 9 9 0"}, "finished"},
		{"a client", steps(trace.Client,
			trace.Record{Op: trace.Connect, Call: "Dial"}, trace.Record{Op: trace.Send, Call: "Write", N: 4, Asked: 4}, trace.Record{Op: trace.Receive, Call: "Read", N: 4, Asked: 9}, trace.Record{Op: trace.Close, Call: "Close"}),
			[]string{"Dial: 0 0 0 0", "Write: 0 0 4 4", "Read: 4 4 4 4", "Close: 4 4 4 4 FIN"}, "finished"},
		{"a unix socket", steps(trace.Server, trace.Record{Op: trace.Accept, Call: "accept4", Peer: trace.UnixPeer}, trace.Record{Op: trace.Close, Call: "close"}),
			[]string{"accept4: 0 0 0 0", "close: 0 0 0 0 FIN"}, "finished"},
		{"a unix socket with unread bytes", steps(trace.Server, trace.Record{Op: trace.Accept, Call: "accept4", Peer: trace.UnixPeer, Held: held("", 5, 0)}, trace.Record{Op: trace.Close, Call: "close"}),
			[]string{"accept4: 5 0 0 0", "close: 5 0 0 0 RST"}, "reset"},
		{"closed by another goroutine, after a part of a write", steps(trace.Server,
			trace.Record{Op: trace.Accept, Call: "Accept"}, trace.Record{Op: trace.Receive, Call: "Read", N: 5, Asked: 9}, trace.Record{Op: trace.Send, Call: "Write", N: 3, Asked: 5, Errno: "use of closed network connection"},
			trace.Record{Op: trace.Close, Call: "Close", Errno: "use of closed network connection"}),
			[]string{"Accept: 0 0 0 0", "Read: 5 5 0 0", "Write: 5 5 3 3", "Close: 5 5 3 3 RST"}, "reset"},
		{"still open", steps(trace.Server, trace.Record{Op: trace.Accept, Call: "accept4"}), []string{"accept4: 0 0 0 0"}, "still open"},
	} {
		life := Lives(tt.file)[0]
		var got []string
		for i := range life.Steps {
			got = append(got, told(&life.Steps[i]))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || life.End() != tt.end {
			t.Errorf("%s: ended %q, want %q; (-want +got):\n%s", tt.name, life.End(), tt.end, diff)
		}
	}
}

func TestPictureShowsWhatWaitsOnAnOpenConnection(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []trace.Record
		bands int
		words string
	}{
		{"a stalled reader that a live trace begins with", []trace.Record{{Op: trace.Begin, Received: 9 << 10, Sent: 8 << 10, Held: held("ESTABLISHED", 7<<10, 6<<10)}}, 3,
			"still open: 7.00 KiB in the receive queue, 1.00 KiB owed by the program, 6.00 KiB in the send queue"},
		{"nothing waits", []trace.Record{{Op: trace.Accept, Held: held("ESTABLISHED", 0, 0)}}, 0, ""},
		{"closed with bytes in the send queue", []trace.Record{{Op: trace.Begin, Received: 5, Sent: 5, Held: held("CLOSE_WAIT", 0, 5)}, {Op: trace.Close}}, 1, ""},
	} {
		picture := Lives(steps(trace.Server, tt.steps...))[0].SVG()
		var words []string
		for _, part := range strings.Split(picture, `<text class="gap"`)[1:] {
			words = append(words, part[strings.Index(part, ">")+1:strings.Index(part, "</text>")])
		}
		if got := strings.Count(picture, `class="band `); got != tt.bands || strings.Join(words, " ") != tt.words {
			t.Errorf("%s: got %d bands and %q, want %d and %q", tt.name, got, words, tt.bands, tt.words)
		}
	}
}

func TestEscapedBytesFitIntoThePicture(t *testing.T) {
	data := []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x1c\x18\xec\xa1")
	picture := Lives(steps(trace.Server, trace.Record{Op: trace.Receive, Call: "recv", Args: "14, 262144, 0", N: 64, Asked: 99, Data: data}))[0].SVG()
	var all string
	for _, part := range strings.Split(picture, `<text class="call"`)[1:] {
		line := html.UnescapeString(part[strings.Index(part, ">")+1 : strings.Index(part, "</text>")])
		if n := utf8.RuneCountInString(line); n > callWidth || strings.HasSuffix(line, `\x`) || strings.HasSuffix(line, `\`) {
			t.Errorf("got a line of %d characters: %s", n, line)
		}
		all += line
	}
	if want := `"\x00\x00\x00\x00\x00\x00\x00\x00\x1c\x18\xec\xa1"…`; !strings.HasSuffix(all, want) {
		t.Errorf("got %s, want all of %s", all, want)
	}
}

// A descriptor is used again at once, and a life that began before the trace has no first step.
func TestLivesOfSeveralConnectionsAreToldApart(t *testing.T) {
	f := &trace.File{Records: []trace.Record{
		{Conn: 1, Op: trace.Accept, Peer: "a"}, {Conn: 2, Op: trace.Accept, Peer: "b"}, {Conn: 1, Op: trace.Close},
		{Op: trace.Lost, N: 3}, {Conn: 2, Op: trace.Close}, {Conn: 3, Op: trace.Receive, N: 1, Asked: 1}, {Op: trace.Full},
	}}
	var got []string
	for _, l := range Lives(f) {
		got = append(got, fmt.Sprintf("%d %q %d steps, %d lost", l.Number, l.Peer, len(l.Steps), l.Lost))
	}
	want := []string{`1 "a" 2 steps, 0 lost`, `2 "b" 2 steps, 3 lost`, `3 "" 1 steps, 0 lost`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDiagramShowsWhatMoved(t *testing.T) {
	svg := Lives(fiveBytes())[0].SVG()
	for part, want := range map[string]int{
		`class="arrow fin"`: 2, `>5</text>`: 2, `>3</text>`: 2, `>2</text>`: 2, // arrived and received; sent and acknowledged, twice
		`class="band in"`: 1, `class="band own"`: 3, `class="band out"`: 1, `>→ CLOSE_WAIT<`: 1, `class="arrow reset"`: 0,
		`receive queue`: 1, `>client<`: 2,
	} {
		if got := strings.Count(svg, part); got != want {
			t.Errorf("%s: got %d, want %d", part, got, want)
		}
	}
}

// Every trace is drawn: as valid XML, inside of the picture, with a bounded number of rows, and no
// count goes back.
func TestEveryTraceIsDrawn(t *testing.T) {
	ops := []trace.Op{trace.Accept, trace.Wait, trace.Watch, trace.Receive, trace.Peek, trace.Send, trace.Shutdown, trace.LingerOff, trace.LingerOn, trace.Query, trace.Close, trace.Other, trace.Lost, trace.Full}
	rapid.Check(t, func(t *rapid.T) {
		var f trace.File
		f.Header.Side = rapid.SampledFrom([]trace.Side{trace.Server, trace.Client}).Draw(t, "side")
		for range rapid.IntRange(1, 3*MaxRows).Draw(t, "steps") {
			r := trace.Record{Op: rapid.SampledFrom(ops).Draw(t, "op"), Conn: rapid.IntRange(0, 2).Draw(t, "conn"), Call: "call<&>", Peer: `"peer"`,
				N: rapid.IntRange(0, 1<<30).Draw(t, "n"), Asked: 1, Data: []byte("]]>\x00"), Errno: rapid.SampledFrom([]string{"", "", "EAGAIN", "ECONNRESET"}).Draw(t, "errno")}
			if rapid.Bool().Draw(t, "held") {
				r.Held = held("ESTABLISHED", rapid.IntRange(0, 1<<30).Draw(t, "arrived"), rapid.IntRange(0, 1<<30).Draw(t, "unacknowledged"))
			}
			f.Records = append(f.Records, r)
		}
		for _, l := range Lives(&f) {
			last := Step{}
			for i := range l.Steps {
				s := &l.Steps[i]
				if s.Arrived < last.Arrived || s.Acknowledged < last.Acknowledged || s.Arrived < s.Received || s.Acknowledged > s.Sent {
					t.Fatalf("step %d: got %s after %s", i, told(s), told(&last))
				}
				last = *s
			}
			var b strings.Builder
			if err := WriteSVG(&b, l); err != nil {
				t.Fatal(err)
			}
			rows := 0
			for in := xml.NewDecoder(strings.NewReader(b.String())); ; {
				token, err := in.Token()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if e, ok := token.(xml.StartElement); ok && e.Name.Local == "circle" {
					rows++
				}
			}
			if rows != min(len(l.Steps), MaxRows) {
				t.Fatalf("got %d rows of %d steps, want at most %d", rows, len(l.Steps), MaxRows)
			}
		}
	})
}

func TestNumbersFitAboveTheirArrow(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 9999: "9999", 10_000: "9K", 1 << 20: "1024K", 1 << 30: "1024M", 1 << 60: "∞"} {
		if got := compact(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
