package report_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode"

	"echod/internal/report"
)

// traceText is a trace of two connections, of which the second is still open.
const traceText = `{"format":"echod-trace/1","program":"echod serve","side":"server","start":"2026-11-29T12:00:00Z"}
{"t_ns":1000000,"took_ns":1000,"conn":1,"peer":"127.0.0.1:5001","engine":"epoll","fd":7,"op":"accept","call":"accept4","args":"5, 0","n":7,"kernel":{"state":"ESTABLISHED"},"why":"a connection was in the queue of the listener"}
{"t_ns":1010000,"took_ns":40000,"conn":1,"op":"receive","call":"recv","args":"7, 64, 0","n":5,"asked":64,"data":"aGVsbG8=","kernel":{"state":"ESTABLISHED"},"why":"5 bytes are owed"}
{"t_ns":1020000,"took_ns":1000,"conn":2,"peer":"<b>","op":"accept","call":"accept4","n":8}
{"t_ns":1060000,"took_ns":1000,"conn":1,"op":"send","call":"send","args":"7, 5, MSG_NOSIGNAL","n":5,"asked":5,"data":"aGVsbG8=","kernel":{"state":"CLOSE_WAIT","unacknowledged":5,"resets":true},"why":"all is sent: nothing is owed"}
{"t_ns":2060000,"took_ns":1000,"conn":1,"op":"close","call":"close","args":"7","n":0,"why":"a reset: the stream did not come to its end"}
{"t_ns":2070000,"op":"lost","call":"","n":3}
{"t_ns":2080000,"op":"full","call":"","n":0}
`

func readTrace(t *testing.T, text string) report.Trace {
	t.Helper()
	d, err := report.Read("life.jsonl", strings.NewReader(text))
	if err != nil || d.Trace == nil || d.Result != nil || d.Find != nil {
		t.Fatalf("got %+v, %v; want a trace", d, err)
	}
	return report.Trace{Name: "life.jsonl", File: d.Trace}
}

func TestTraceAsText(t *testing.T) {
	wantGolden(t, "trace.txt", func(w io.Writer) error { return report.WriteTraceText(w, readTrace(t, traceText)) })
}

func TestTraceThatIsCutSaysSo(t *testing.T) {
	lines := strings.SplitAfter(traceText, "\n")
	cut := readTrace(t, strings.Join(lines[:3], "")+lines[4][:40])
	var text, page strings.Builder
	if err := errors.Join(report.WriteTraceText(&text, cut), report.WriteTraceHTML(&page, cut)); err != nil {
		t.Fatal(err)
	}
	const want = "the file ends within a line: the steps after it are missing"
	if !strings.HasSuffix(text.String(), "1 connection; "+want+"\n") || !strings.Contains(page.String(), `<p class="warning">`+want) {
		t.Errorf("got %q and a page, want both to say %q", text.String(), want)
	}
}

// A file may come from anywhere: nothing in it is markup, or changes the terminal.
func TestForeignTextInATraceIsOnlyText(t *testing.T) {
	const evil = `</title></text></svg><img src=x>\"'&]]>\u001b[31m\r\u0007\u009b1m\ufffe` + "\u009b2m\x7f\uffff"
	record := func(rest string) string {
		return `{"conn":1,"call":"E","args":"E","n":5,"result":"E","kernel":{"state":"E","arrived":9},"why":"E",` + rest + "}\n"
	}
	file := func(side, first string) report.Trace {
		text := `{"format":"echod-trace/1","program":"E","side":"` + side + `","start":"2026-11-29T12:00:00Z"}` + "\n" +
			record(`"engine":"E","rule":"E",`+first) + record(`"op":"receive","asked":9,"events":["E"],"t_ns":9`) + record(`"op":"E","errno":"E","t_ns":10`)
		return readTrace(t, strings.ReplaceAll(text, `"E"`, `"`+evil+`"`))
	}
	server, client := file("server", `"op":"accept","peer":"127.0.0.1:5001"`), file("client", `"op":"connect","peer":"E","local":"127.0.0.1:5001"`)
	pairs, _ := report.NewPairs(client, server)
	for name, write := range map[string]func(io.Writer) error{
		"text":    func(w io.Writer) error { return report.WriteTraceText(w, client) },
		"page":    func(w io.Writer) error { return report.WriteTraceHTML(w, client) },
		"picture": func(w io.Writer) error { return report.WriteTraceSVG(w, server) },
		"both":    func(w io.Writer) error { return report.WritePairsText(w, pairs) },
	} {
		var b strings.Builder
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		got := b.String()
		if name != "text" && name != "both" && strings.Contains(got, "<img") {
			t.Errorf("%s: has markup of the file", name)
		}
		if at := strings.IndexFunc(got, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || r >= 0xfffe && r <= 0xffff) }); at >= 0 {
			t.Errorf("%s: has a control character of the file: %q", name, got[max(0, at-20):at+9])
		}
		if err := xml.Unmarshal([]byte(got), new(struct{})); name == "picture" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTraceAsPage(t *testing.T) {
	var b strings.Builder
	if err := report.WriteTraceHTML(&b, readTrace(t, traceText)); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for part, want := range map[string]int{
		"<svg ": 2, "&lt;b&gt;": 3, "<b>": 0, "3 steps are missing": 1, "connection 1, 127.0.0.1:5001 on epoll: 5 B received, 5 B sent, reset after 1.06ms": 1,
		"script-src": 0, "2026-11-29 12:00:00": 1, "<details open>": 2,
	} {
		if got := strings.Count(page, part); got != want {
			t.Errorf("%s: got %d, want %d", part, got, want)
		}
	}
}

// Only the first 50 lives have a picture; the number of each is in the table, for --conn.
func TestPageOfManyConnectionsSaysHowToDrawTheOthers(t *testing.T) {
	text := strings.SplitAfter(traceText, "\n")[0]
	for i := range 53 {
		text += fmt.Sprintf(`{"t_ns":9,"conn":%d,"peer":"127.0.0.1:%d","op":"accept","call":"accept4","n":8}`+"\n", i+1, 5001+i)
	}
	var b strings.Builder
	if err := report.WriteTraceHTML(&b, readTrace(t, text)); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	note, row := strings.Index(page, "3 of them are not drawn. --conn N draws connection N alone"), strings.Index(page, `<th scope="row">127.0.0.1:5053</th><td>still open</td><td>53</td>`)
	if note < 0 || row < note || strings.Count(page, "<svg ") != 50 {
		t.Errorf("got the note at %d, the row of connection 53 at %d, and %d pictures; want the note before the table, and 50", note, row, strings.Count(page, "<svg "))
	}
}

func TestTraceAsPictureHasOneConnection(t *testing.T) {
	lines := strings.SplitAfter(traceText, "\n")
	one := strings.Join(append(lines[:3:3], lines[4:6]...), "")
	var b strings.Builder
	if err := report.WriteTraceSVG(&b, readTrace(t, one)); err != nil || !strings.HasPrefix(b.String(), "<svg ") {
		t.Errorf("got %q, %v; want a picture", b.String(), err)
	}
	if n := readTrace(t, traceText).Connections(); n != 2 {
		t.Errorf("got %d connections, want 2", n)
	}
	b.Reset()
	second := readTrace(t, traceText).Only(2)
	if err := report.WriteTraceSVG(&b, second); err != nil || !strings.Contains(b.String(), "The life of connection 2") || second.Connections() != 1 {
		t.Errorf("got %q, %v; want a picture of connection 2", b.String(), err)
	}
}
