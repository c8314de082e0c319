package cli

import (
	"embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"echod/internal/draw"
)

//go:embed help/*.txt
var helpTexts embed.FS

// helpFor returns the hand-written help of a verb, or of echod itself. A line @NAME
// stands for a part that several verbs share.
func helpFor(cmd *cobra.Command) string {
	text, err := helpTexts.ReadFile("help/" + strings.ReplaceAll(verbName(cmd), " ", "-") + ".txt")
	if err != nil {
		return cmd.UsageString() // of a hidden verb
	}
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		name, found := strings.CutPrefix(line, "@")
		if !found {
			b.WriteString(line)
		} else if name == "environment\n" {
			b.WriteString(helpForVariables(cmd))
		} else if part, err := helpTexts.ReadFile("help/part-" + strings.TrimSpace(name) + ".txt"); err == nil {
			b.Write(part)
		}
	}
	return b.String()
}

// helpForVariables lists the variables of a verb, or of all verbs.
func helpForVariables(cmd *cobra.Command) string {
	verbs := []*cobra.Command{cmd}
	if cmd.Name() == "echod" {
		verbs = verbsOf(cmd)
	}
	var names []string
	for _, verb := range verbs {
		if verb.PreRunE == nil && verb != cmd {
			continue // it reads no variables
		}
		verb.Flags().VisitAll(func(f *pflag.Flag) {
			if name := variable(f.Name); f.Name != "help" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		})
	}
	slices.Sort(names)
	example := names[max(0, slices.IndexFunc(names, func(name string) bool { return strings.Count(name, "_") > 1 }))]
	flag := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(example, variablePrefix)), "_", "-")
	return "Environment:\n\nEach flag has a variable, which the flag overrides, e.g. " + example + " for --" + flag + "." +
		" The variable of a repeatable flag has commas between the values." +
		" A variable that begins with ECHOD_ and belongs to no verb is an error, except those that Kubernetes sets for a service named echod." +
		"\n\n  " + strings.Join(names, ", ") + ".\n"
}

// writeHelp writes the help of a verb, or of echod itself, for the width of w.
func writeHelp(w io.Writer, cmd *cobra.Command) error {
	width := terminalSize(w).columns
	var b strings.Builder
	for _, block := range parseHelp(helpFor(cmd)) {
		b.WriteString(block.render(width))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// block is a part of a help text. The texts are written so that its indent and its
// spaces show what kind a block is:
//
//	Paragraphs have no indent, or two spaces.
//
//	Headings:
//
//	    Examples and tables have four spaces or more. They are never folded.
//
//	  -e, --entry      of a list: two spaces, a term, two spaces or more, and a
//	                   text, which is folded
type block struct {
	kind   blockKind
	indent string
	text   string
	term   string // of an entry
	column int    // where the text of an entry begins
}

type blockKind int

const (
	blank blockKind = iota
	paragraph
	heading
	verbatim
	entry
)

// parseHelp returns the blocks of a help text.
func parseHelp(text string) []block {
	blocks := []block{{}}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		words := strings.TrimLeft(line, " ")
		indent := line[:len(line)-len(words)]
		term, rest, found := strings.Cut(words, "  ")
		last := &blocks[len(blocks)-1]
		switch {
		case words == "":
			blocks = append(blocks, block{})
		case len(indent) > 4 && last.kind == entry:
			last.text = strings.TrimSpace(last.text + " " + words)
		case len(indent) >= 4:
			blocks = append(blocks, block{kind: verbatim, text: line})
		case indent == "  " && (found || strings.HasPrefix(words, "-")):
			rest = strings.TrimLeft(rest, " ")
			column := textColumn
			if rest != "" {
				column = utf8.RuneCountInString(line) - utf8.RuneCountInString(rest)
			}
			blocks = append(blocks, block{kind: entry, indent: indent, text: rest, term: term, column: column})
		case indent == "" && strings.HasSuffix(words, ":") && last.kind == blank:
			blocks = append(blocks, block{kind: heading, text: words})
		case last.kind == paragraph && last.indent == indent:
			last.text += " " + words
		default:
			blocks = append(blocks, block{kind: paragraph, indent: indent, text: words})
		}
	}
	return blocks[1:]
}

// textColumn is where the text of an entry begins if it is on the next line.
const textColumn = 25

// render returns the block as lines of at most width columns.
func (b block) render(width int) string {
	switch {
	case b.kind == paragraph:
		return draw.Fold(b.text, width, b.indent, b.indent)
	case b.kind != entry:
		return b.text + "\n"
	case width < 2*b.column:
		return b.indent + b.term + "\n" + draw.Fold(b.text, width, "      ", "      ")
	}
	first, rest := b.indent+b.term, strings.Repeat(" ", b.column)
	if utf8.RuneCountInString(first) > b.column-2 {
		return first + "\n" + draw.Fold(b.text, width, rest, rest)
	}
	return draw.Fold(b.text, width, fmt.Sprintf("%-*s", b.column, first), rest)
}
