package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"
)

// status is a block of lines on a terminal that is written again and again. The cursor is
// on the line below it, where the terminal echoes a ^C.
type status struct {
	w     io.Writer // nil: there is no terminal
	size  func() windowSize
	lines []string // on the screen
}

// newStatus returns the status on standard error.
func newStatus(p *Process) *status { return statusOn(p, p.Stderr) }

// statusOn returns the status on w, if that is a terminal that can move its cursor.
func statusOn(p *Process, w io.Writer) *status {
	if p.quiet || p.Getenv("TERM") == "dumb" || !isTerminal(w) {
		return &status{}
	}
	return &status{w: w, size: func() windowSize { return terminalSize(w) }}
}

// show replaces the lines by those that make returns for this many columns. They are cut to
// the size of the terminal, because the cursor cannot reach what has left the screen. The
// last column stays empty, because some terminals wrap there.
func (s *status) show(make func(columns int) []string) {
	if s.w == nil {
		return
	}
	size := s.size()
	lines := make(size.columns - 1)
	lines = lines[:min(len(lines), size.rows-1)]
	for i, line := range lines {
		lines[i] = cut(line, size.columns-1)
	}
	rows := s.rows(size.columns)
	var b strings.Builder
	b.WriteString(up(rows))
	for i := range max(rows, len(lines)) {
		if i < len(lines) {
			b.WriteString(lines[i])
		}
		b.WriteString("\x1b[K\n") // not all at once: some terminals keep a screen that is cleared whole
	}
	b.WriteString(up(rows - len(lines)))
	io.WriteString(s.w, b.String())
	s.lines = lines
}

func (s *status) write(line string) { s.show(func(int) []string { return []string{line} }) }

func (s *status) clear() { s.show(func(int) []string { return nil }) }

// aside calls write, which writes whole lines to the terminal: they are above the block then.
func (s *status) aside(write func()) {
	lines := s.lines
	s.clear()
	write()
	s.show(func(int) []string { return lines })
}

// rows returns how many rows of the screen the block has. Since it was written, the terminal
// may have become narrower: most then wrap long lines.
func (s *status) rows(columns int) (rows int) {
	for _, line := range s.lines {
		rows += max(1, (width(line)+columns-1)/columns)
	}
	return rows
}

// up moves the cursor to the start of a row above.
func up(rows int) string {
	if rows <= 0 {
		return ""
	}
	return fmt.Sprintf("\r\x1b[%dA", rows)
}

// colors matches an escape sequence that sets a colour. It takes no column.
var colors = regexp.MustCompile("\x1b\\[[0-9;]*m")

// width returns how many columns text takes.
func width(text string) int { return utf8.RuneCountInString(colors.ReplaceAllString(text, "")) }

// cut returns the first n characters of text, and all its colours.
func cut(text string, n int) string {
	if width(text) <= n {
		return text
	}
	var b strings.Builder
	for text != "" {
		at := colors.FindStringIndex(text)
		if at == nil {
			at = []int{len(text), len(text)}
		}
		words := []rune(text[:at[0]])
		kept := min(len(words), n)
		n -= kept
		b.WriteString(string(words[:kept]) + text[at[0]:at[1]])
		text = text[at[1]:]
	}
	return b.String()
}

// windowSize is the size of a terminal in characters.
type windowSize struct{ columns, rows int }

// defaultSize is the size of output that does not go to a terminal.
var defaultSize = windowSize{80, 24}

// terminalSize returns the size of the terminal that w is, and defaultSize for what is not
// known or if it is none.
func terminalSize(w io.Writer) windowSize {
	size := defaultSize
	if file, ok := w.(*os.File); ok {
		found := sizeOf(file)
		size.columns, size.rows = cmp.Or(found.columns, size.columns), cmp.Or(found.rows, size.rows)
	}
	return size
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
