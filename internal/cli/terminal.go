package cli

import (
	"fmt"
	"io"
	"os"

	"echod/check"
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
		line := fmt.Sprintf("%d of %d %s", now.Past, now.Of, p.what)
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
