package cli

import (
	"fmt"
	"io"
	"os"

	"echod/check"
	"echod/internal/load"
	"echod/internal/report"
)

// statusLine is a line on a terminal that is written again and again. It is cut to the
// width of the terminal: what has wrapped cannot be cleared.
type statusLine struct{ w io.Writer } // nil: there is no terminal

func newStatusLine(p *Process) statusLine {
	if p.quiet || !isTerminal(p.Stderr) {
		return statusLine{}
	}
	return statusLine{p.Stderr}
}

func (l statusLine) write(text string) {
	if l.w != nil {
		fmt.Fprint(l.w, clearLine, cut(text, terminalWidth(l.w)-1))
	}
}

func (l statusLine) clear() {
	if l.w != nil {
		fmt.Fprint(l.w, clearLine)
	}
}

// cut returns the first n characters of text.
func cut(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n])
	}
	return text
}

const clearLine = "\r\x1b[K"

// defaultWidth is the width of output that does not go to a terminal.
const defaultWidth = 80

// terminalWidth is the number of columns of the terminal that w is, defaultWidth if it
// is none.
func terminalWidth(w io.Writer) int {
	if file, ok := w.(*os.File); ok {
		if width := windowWidth(file); width > 0 {
			return width
		}
	}
	return defaultWidth
}

// progress shows how far a check is.
type progress struct {
	statusLine
	what string // what is checked, e.g. "at tcp://127.0.0.1:7"
}

func newProgress(p *Process, what string) *progress { return &progress{newStatusLine(p), what} }

func (p *progress) show(now check.Progress) {
	line := fmt.Sprintf("%d of %d %s", now.Done, now.Total, p.what)
	if len(now.Running) > 0 {
		line += ": " + andMore(now.Running)
	}
	p.write(line)
}

// andMore is the first word and the number of the others.
func andMore(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return fmt.Sprintf("%s and %d more", words[0], len(words)-1)
}

// liveLine shows the load of the last second. The URL is last, where a narrow terminal cuts
// the line.
type liveLine struct {
	statusLine
	plan   load.Plan
	failed int64 // messages so far, with those that were lost
}

func newLiveLine(p *Process, plan load.Plan) *liveLine {
	l := &liveLine{statusLine: newStatusLine(p), plan: plan}
	l.write("connecting  " + plan.URL)
	return l
}

func (l *liveLine) show(now load.Progress) {
	if !now.Warmup {
		l.failed += now.Interval.Failed + now.Interval.Lost
	}
	l.write(report.ProgressLine(l.plan, now, l.failed) + "  " + l.plan.URL)
}

// colorful reports whether standard output is a terminal that shows colours, and they
// are not switched off (no-color.org).
func colorful(p *Process) bool {
	return p.Getenv("NO_COLOR") == "" && p.Getenv("TERM") != "dumb" && isTerminal(p.Stdout)
}

// isTerminal reports whether w is a character device, other than the null device.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok || file.Name() == os.DevNull {
		return false
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
