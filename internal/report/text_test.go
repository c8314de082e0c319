package report_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"echod/internal/dial"
	"echod/internal/hist"
	"echod/internal/load"
	"echod/internal/report"
)

func TestTextOfOneRun(t *testing.T) {
	wantGolden(t, "one.txt", func(w io.Writer) error { return report.WriteText(w, one(sample(1, 10, 240*time.Microsecond)), false) })
}

func TestTextOfARunWithProblems(t *testing.T) {
	wantGolden(t, "troubled.txt", func(w io.Writer) error { return report.WriteText(w, one(troubled()), false) })
}

// three returns runs that have different figures.
func three() []report.Run {
	return []report.Run{
		{Name: "epoll", Result: sample(1, 10, 240*time.Microsecond)},
		{Name: "net", Result: sample(2, 12, 310*time.Microsecond)},
		{Name: "broken", Result: troubled()},
	}
}

func TestTextOfSeveralRuns(t *testing.T) {
	wantGolden(t, "three.txt", func(w io.Writer) error { return report.WriteText(w, three(), false) })
}

func TestTextTellsAddressesApart(t *testing.T) {
	r := sample(1, 2, time.Millisecond)
	slow := sample(2, 1, 20*time.Millisecond)
	r.Addresses = []load.Address{
		{Address: "192.0.2.7:7007", Answered: r.Answered, Latency: r.Latency, Connects: 25},
		{Address: "[2001:db8::7]:7007", Answered: 90, Failed: load.Classes{dial.Refused: 10}, ConnectsFailed: load.Classes{dial.Refused: 3}, Latency: slow.Latency},
		{Address: "192.0.2.9:7007", ConnectsFailed: load.Classes{dial.Timeout: 25}, Latency: hist.New()},
	}
	wantGolden(t, "addresses.txt", func(w io.Writer) error { return report.WriteText(w, one(r), false) })
}

func TestTextOfAMergedRunNamesItsParts(t *testing.T) {
	a, b := sample(1, 4, 240*time.Microsecond), sample(2, 4, 310*time.Microsecond)
	b.Environment.Host, b.Started = "beta", b.Started.Add(time.Second/4)
	wantGolden(t, "merged.txt", func(w io.Writer) error { return report.WriteText(w, one(merged(t, a, b)), false) })
}

func TestColourMarksOnlyWhatIsBad(t *testing.T) {
	var good, bad strings.Builder
	if err := report.WriteText(&good, one(sample(1, 3, time.Millisecond)), true); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteText(&bad, one(troubled()), true); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(good.String(), "\x1b") {
		t.Errorf("got colours where nothing is bad:\n%s", &good)
	}
	if want := "\x1b[31m1,237\x1b[0m\n"; !strings.Contains(bad.String(), want) {
		t.Errorf("got no %q in\n%s", want, &bad)
	}
}

func TestFoldingKeepsWhatWasReceived(t *testing.T) {
	r := troubled()
	r.Wrong.Got = `"a  \"b   ` + strings.Repeat(" c", 40) + `"`
	if want := "got\n  " + r.Wrong.Got + ",\n"; !strings.Contains(textOf(t, report.Run{Result: r}), want) {
		t.Errorf("got no %q in\n%s", want, textOf(t, report.Run{Result: r}))
	}
}

func TestControlCharactersOfAFileAreEscaped(t *testing.T) {
	r := troubled()
	r.Environment.Host, r.Plan.URL, r.Wrong.Got = "\x1b[2J", "tcp://a\rb:7", "\a"
	r.Failed["\x1b]0;title"] = 1
	var got strings.Builder
	if err := report.WriteText(&got, []report.Run{{Name: "\x1b[1m", Result: r}, {Name: "b", Result: r}}, false); err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexFunc(got.String(), func(r rune) bool { return r < ' ' && r != '\n' }); i >= 0 {
		t.Errorf("got %q in\n%s", got.String()[i], &got)
	}
}

func TestLineHasTheMainFigures(t *testing.T) {
	wantGolden(t, "line.txt", func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\n%s\n", report.Line(sample(1, 10, 240*time.Microsecond)), report.Line(troubled()))
		return err
	})
}

// Trains are shown if they were asked for, also if none was received.
func TestTrainsAreShown(t *testing.T) {
	r := &load.Result{Plan: load.Plan{URL: "udp://a:7", GSO: true, Depth: 32}, Seconds: 1, Due: 64, Answered: 64, Latency: hist.New()}
	shown := func() string {
		var out strings.Builder
		if err := report.WriteText(&out, []report.Run{{Result: r}}, false); err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(out.String()), " ")
	}
	if got := shown(); strings.Contains(got, "trains sent") {
		t.Errorf("without trains: got %s", got)
	}
	r.Trains = &load.Trains{Sent: 4, SentDatagrams: 62}
	if got := shown(); !strings.Contains(got, "depth 32, in trains (GSO)") || !strings.Contains(got, "trains sent 4 datagrams of each 15.5 trains received 0 ") {
		t.Errorf("got %s", got)
	}
	if r.Trains.Received = -1; report.Valid(r) == nil {
		t.Error("a negative number of trains is valid")
	}
}
