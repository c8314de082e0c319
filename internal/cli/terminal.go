package cli

import (
	"fmt"
	"io"
	"os"

	"echod/check"
	"echod/internal/load"
	"echod/internal/report"
)

// progress tells a person at a terminal how far a check is, in one line that
// is written over and over.
type progress struct {
	w    io.Writer // nil: nobody looks
	what string    // what is checked, as "at tcp://:7"
}

func newProgress(p *Process, what string) *progress {
	if !isTerminal(p.Stderr) {
		return &progress{}
	}
	return &progress{w: p.Stderr, what: what}
}

const (
	clearLine = "\r\x1b[K"
	// lineWidth is that of the narrowest terminal in use. A line that is wider
	// would wrap, and what has wrapped is not cleared.
	lineWidth = 79
)

func (p *progress) tell(now check.Progress) {
	if p.w != nil {
		line := fmt.Sprintf("%d of %d %s", now.Done, now.Total, p.what)
		if len(now.Running) > 0 {
			line += ": " + andMore(now.Running)
		}
		fmt.Fprintf(p.w, "%s%.*s", clearLine, lineWidth, line)
	}
}

// andMore is the first word and how many there are besides.
func andMore(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return fmt.Sprintf("%s and %d more", words[0], len(words)-1)
}

func (p *progress) clear() {
	if p.w != nil {
		fmt.Fprint(p.w, clearLine)
	}
}

// liveLine shows a person at a terminal, in one line, how a load is doing.
type liveLine struct {
	w      io.Writer // nil: standard error is no terminal
	plan   load.Plan
	errors int64 // so far
}

func newLiveLine(p *Process, plan load.Plan) *liveLine {
	l := &liveLine{plan: plan}
	if isTerminal(p.Stderr) {
		l.w = p.Stderr
	}
	l.write("connecting")
	return l
}

// show writes what the last second was like.
func (l *liveLine) show(now load.Progress) {
	if !now.Warmup {
		l.errors += now.Interval.Errors
	}
	l.write(report.ProgressLine(l.plan, now, l.errors))
}

func (l *liveLine) write(words string) {
	if l.w != nil {
		fmt.Fprintf(l.w, "%s%s: %s", clearLine, l.plan.URL, words)
	}
}

func (l *liveLine) clear() {
	if l.w != nil {
		fmt.Fprint(l.w, clearLine)
	}
}

// colorful reports whether the answer goes to a terminal whose owner has nothing
// against colours (no-color.org).
func colorful(p *Process) bool {
	return p.Getenv("NO_COLOR") == "" && p.Getenv("TERM") != "dumb" && isTerminal(p.Stdout)
}

// isTerminal takes a character device for one, except the one where nobody
// looks.
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
