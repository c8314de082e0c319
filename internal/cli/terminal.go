package cli

import (
	"fmt"
	"io"
	"os"

	"echod/check"
)

// progress tells a person at a terminal how far the check is.
type progress struct {
	w    io.Writer // nil: nobody looks
	what string    // what is checked
	past int
}

func newProgress(p *Process, what string) *progress {
	if !isTerminal(p.Stderr) {
		return &progress{}
	}
	return &progress{w: p.Stderr, what: what}
}

const clearLine = "\r\x1b[K"

func (p *progress) done(r check.Result) {
	if p.w != nil {
		p.past++
		fmt.Fprintf(p.w, "%s%s: %d done: %s %s", clearLine, p.what, p.past, r.Rule, r.Verdict)
	}
}

func (p *progress) clear() {
	if p.w != nil {
		fmt.Fprint(p.w, clearLine)
	}
}

// colorful tells whether the answer goes to a terminal whose owner has nothing
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
