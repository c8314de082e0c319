package sequence

import (
	"encoding/xml"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"echod/internal/trace"
)

// at returns rec as a call that began and ended at these times, in milliseconds.
func at(begin, end int, rec trace.Record) trace.Record {
	rec.Time, rec.Took, rec.Conn = time.Duration(begin)*time.Millisecond, time.Duration(end-begin)*time.Millisecond, 1
	return rec
}

func receive(n int, errno string) trace.Record {
	return trace.Record{Op: trace.Receive, Call: "Read", N: n, Asked: 99, Errno: errno}
}

func send(n int) trace.Record { return trace.Record{Op: trace.Send, Call: "Write", N: n, Asked: n} }

// Each kind of failure is told in the words of what happened, and a silence with its length.
func TestEventsAreToldInWords(t *testing.T) {
	connect := at(0, 0, trace.Record{Op: trace.Connect})
	found := trace.Record{Op: trace.Found, Why: "it failed"}
	for _, tt := range []struct {
		name  string
		steps []trace.Record
		want  string
	}{
		{"a timeout", []trace.Record{connect, at(1, 1, send(5)), at(1, 2001, receive(0, "i/o timeout")), at(2001, 2001, found), at(2002, 2002, trace.Record{Op: trace.Close})},
			"connected|sent 5 bytes|nothing for 2s|receiving timed out|it failed|sent FIN"},
		{"a pause of the program", []trace.Record{connect, at(1, 1, send(5)), at(500, 501, receive(5, ""))},
			"connected|sent 5 bytes|no call for 500ms|received 5 bytes"},
		{"a silence while the program sends", []trace.Record{connect, at(1, 1, send(5)), at(1001, 1001, send(5)), at(0, 1002, receive(5, ""))},
			"connected|sent 5 bytes|nothing for 1s|sent 5 bytes|received 5 bytes"},
		{"a missing tail", []trace.Record{connect, at(1, 1, send(5)), at(1, 1, send(5)), at(1, 1, trace.Record{Op: trace.Shutdown}), at(1, 2, receive(3, "")), at(2, 3, receive(0, ""))},
			"connected|sent 10 bytes in 2 calls|sent FIN|received 3 bytes|received FIN"},
		{"a reset", []trace.Record{connect, at(1, 2, receive(3, "")), at(2, 3, receive(0, "ECONNRESET")), at(3, 3, trace.Record{Op: trace.Close})},
			"connected|received 3 bytes|received RST|closed"},
		{"bytes and then a reset", []trace.Record{connect, at(1, 2, receive(3, "ECONNRESET"))}, "connected|received 3 bytes|received RST"},
		{"an abort", []trace.Record{connect, at(1, 1, trace.Record{Op: trace.LingerOn}), at(1, 1, trace.Record{Op: trace.Close})}, "connected|sent RST"},
		{"a close with unread bytes", []trace.Record{connect, at(1, 1, trace.Record{Op: trace.Peek, N: 7}), at(1, 1, trace.Record{Op: trace.Close})}, "connected|7 bytes not read|sent RST"},
		{"unread bytes that are read later", []trace.Record{connect, at(1, 1, trace.Record{Op: trace.Peek, N: 7}), at(1, 1, receive(7, "")), at(1, 1, trace.Record{Op: trace.Close})},
			"connected|7 bytes not read|received 7 bytes|sent FIN"},
		{"a close after a half-close", []trace.Record{connect, at(1, 1, trace.Record{Op: trace.Shutdown}), at(1, 1, trace.Record{Op: trace.Close})}, "connected|sent FIN|closed"},
		{"the ends of TLS", []trace.Record{connect, at(1, 1, trace.Record{Op: trace.CloseNotify}), at(1, 1, trace.Record{Op: trace.Receive, Asked: 9, Result: "close_notify"}), at(1, 1, trace.Record{Op: trace.Close})},
			"connected|sent close_notify|received close_notify|sent FIN"},
		{"a truncated stream of TLS", []trace.Record{connect, at(1, 1, receive(0, "truncated"))}, "connected|received FIN without close_notify"},
		{"steps that are not kept", []trace.Record{connect, at(1, 9, trace.Record{Op: trace.Omitted, N: 4, Received: 30, Sent: 20}), at(9, 9, send(5))},
			"connected|4 more calls: sent 20 bytes, received 30 bytes|sent 5 bytes"},
		{"what helps to describe a failure", []trace.Record{connect, at(1, 1, receive(5, "")), at(1, 1, found), at(1, 301, receive(0, "i/o timeout")), at(301, 301, trace.Record{Op: trace.Close})},
			"connected|received 5 bytes|it failed|sent FIN"},
	} {
		var got []string
		for _, line := range strings.Split(strings.TrimSpace(Of(trace.Client, tt.steps).Text()), "\n") {
			_, words, _ := strings.Cut(strings.TrimSpace(line)+" ", "  ")
			if !strings.HasPrefix(strings.TrimSpace(line), "+") {
				words = line
			}
			got = append(got, strings.TrimSpace(words))
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, "|")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// arrows are the labels of the arrows in a picture, and how often each is there. Those that point
// to the left have a < before them.
func arrows(t interface{ Fatal(...any) }, svg string) map[string]int {
	got := map[string]int{}
	direction := ""
	for in := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := in.Token()
		if err == io.EOF {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		class, d := "", ""
		for _, a := range e.Attr {
			switch a.Name.Local {
			case "class":
				class = a.Value
			case "d":
				d = a.Value
			}
		}
		switch {
		case e.Name.Local == "path" && strings.HasPrefix(class, "arrow"):
			from, to, _ := strings.Cut(strings.TrimPrefix(d, "M"), "H")
			left, _, _ := strings.Cut(from, " ")
			right, _, _ := strings.Cut(to, "m")
			a, _ := strconv.Atoi(left)
			b, _ := strconv.Atoi(right)
			if direction = ""; b < a {
				direction = "<"
			}
		case e.Name.Local == "text" && (class == "n" || strings.HasPrefix(class, "n ")):
			label, _ := in.Token()
			text, _ := label.(xml.CharData)
			got[direction+string(text)]++
		}
	}
}

// A picture has an arrow for each thing that moved, and no other: what follows from the records
// alone is compared with what is drawn.
func TestEveryArrowIsInTheTrace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := []trace.Record{at(0, 0, trace.Record{Op: trace.Connect})}
		want := map[string]int{"connect": 1}
		peerFinished, finished, linger, peeked := false, false, false, false
		once := func(done *bool, label string) {
			if !*done {
				want[label]++
			}
			*done = true
		}
		for i := range rapid.IntRange(0, 10).Draw(t, "steps") {
			n := rapid.IntRange(1, 9999).Draw(t, "n")
			var rec trace.Record
			switch kind := rapid.IntRange(0, 8).Draw(t, "kind"); kind {
			case 0:
				rec = send(n)
				want[strconv.Itoa(n)]++
			case 1:
				rec, peeked = receive(n, ""), false
				want["<"+strconv.Itoa(n)]++
			case 2:
				rec, peeked = receive(0, ""), false
				once(&peerFinished, "<FIN")
			case 3:
				rec = receive(0, "i/o timeout") // nothing moved
				peeked = false
			case 4:
				rec = trace.Record{Op: trace.Shutdown}
				once(&finished, "FIN")
			case 5:
				rec = trace.Record{Op: trace.Send, Asked: n, Errno: "EPIPE"}
			case 6:
				rec, linger = trace.Record{Op: trace.LingerOn}, true
			case 7:
				rec, peeked = trace.Record{Op: trace.Peek, N: n}, true
			case 8:
				rec = trace.Record{Op: trace.Shutdown, Errno: "ENOTCONN"}
			}
			records = append(records, at(20*i+20, 20*i+20, rec)) // a pause: calls are not merged
		}
		switch rapid.IntRange(0, 2).Draw(t, "end") {
		case 0:
			records = append(records, at(1000, 1000, receive(0, "ECONNRESET")))
			want["<RST"]++
		case 1:
			records = append(records, at(1000, 1000, trace.Record{Op: trace.Close}))
			if linger || peeked {
				want["RST"]++
			} else {
				once(&finished, "FIN")
			}
		}
		var far *Far
		if rapid.Bool().Draw(t, "far") {
			far = &Far{Name: "agent", Received: rapid.Int64Range(0, 9999).Draw(t, "received"), Sent: rapid.Int64Range(0, 9999).Draw(t, "sent"),
				FIN: rapid.Bool().Draw(t, "fin"), RST: rapid.Bool().Draw(t, "rst")}
			if far.Received > 0 {
				want[strconv.FormatInt(far.Received, 10)]++
			}
			if far.Sent > 0 {
				want["<"+strconv.FormatInt(far.Sent, 10)]++
			}
			switch {
			case far.FIN:
				want["FIN"]++
			case far.RST:
				want["RST"]++
			}
		}
		if diff := cmp.Diff(want, arrows(t, Of(trace.Client, records).Exchange("stream/x", far))); diff != "" {
			t.Fatalf("arrows (-in the trace +in the picture):\n%s", diff)
		}
	})
}

// Of a long life the first and the last events are drawn, and the others are counted.
func TestLongExchangeCountsWhatIsNotDrawn(t *testing.T) {
	records := []trace.Record{at(0, 0, trace.Record{Op: trace.Connect})}
	for i := range 100 {
		records = append(records, at(i+1, i+1, send(10)), at(i+1, i+1, receive(10, "")))
	}
	svg := Of(trace.Client, records).Exchange("stream/x", nil)
	drawn := arrows(t, svg)
	if got := drawn["10"] + drawn["<10"]; got != firstEvents+lastEvents-1 {
		t.Errorf("got %d arrows, want %d", got, firstEvents+lastEvents-1)
	}
	if want := "177 more calls: sent 880 bytes,"; !strings.Contains(svg, want) {
		t.Errorf("got %s; want it to say %q", svg, want)
	}
}

// One line has the bytes of many calls together, and each end and long silence.
func TestSummaryCountsBytesBetweenEnds(t *testing.T) {
	records := []trace.Record{at(0, 0, trace.Record{Op: trace.Connect}), at(1, 1, send(10)), at(1, 2, trace.Record{Op: trace.Omitted, N: 9, Sent: 90}),
		at(2, 2, trace.Record{Op: trace.Shutdown}), at(2, 1002, receive(30, "")), at(1002, 1002, trace.Record{Op: trace.Omitted, N: 2, Received: 60}),
		at(1003, 1003, receive(5, "")), at(1003, 1015, receive(0, "ECONNRESET")), at(1015, 1015, trace.Record{Op: trace.Found}), at(1016, 1016, trace.Record{Op: trace.Close})}
	want := "connected, sent 100 bytes, sent FIN, nothing for 1s, received 95 bytes, nothing for 12ms, received RST"
	if got := Of(trace.Client, records).Summary(); got != "…, "+want[len("connected, "):] {
		t.Errorf("got  %s\nwant …, %s", got, want[len("connected, "):])
	}
}
