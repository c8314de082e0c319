package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func newMan() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "man [VERB]",
		Short: "print the man page of echod, or of a verb",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			var words []string
			for _, arg := range args {
				words = append(words, strings.Split(arg, "-")...) // the page of bench worker is echod-bench-worker
			}
			page, err := findVerb(cmd.Root(), words)
			if err == nil {
				err = writeMan(cmd.OutOrStdout(), page)
			}
			return err
		},
	}
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return pageNames(cmd.Root()), cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}

// writeMan writes the help of a verb, or of echod itself, as a man page: man(7).
func writeMan(w io.Writer, cmd *cobra.Command) error {
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" echod echod\n.SH NAME\n%s \\- %s\n", escape(strings.ToUpper(name)), escape(name), escape(cmd.Short))
	blocks := parseHelp(helpFor(cmd))
	usage := slices.IndexFunc(blocks, func(b block) bool { return b.text == "Usage:" })
	end := usage + 1 + slices.IndexFunc(blocks[usage+1:], func(b block) bool { return b.kind == heading })
	b.WriteString(".SH SYNOPSIS\n")
	writeRoff(&b, blocks[usage+1:end])
	b.WriteString(".SH DESCRIPTION\n")
	writeRoff(&b, blocks[:usage])
	writeRoff(&b, blocks[end:])
	b.WriteString(".SH SEE ALSO\n")
	var others []string
	if cmd.HasParent() {
		others = append(others, "echod")
	}
	for _, name := range pageNames(cmd) {
		others = append(others, escape("echod-"+name))
	}
	b.WriteString(strings.Join(others, "(1), ") + "(1)\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// pageNames returns the names of the man pages of the verbs below cmd, without echod-.
func pageNames(cmd *cobra.Command) (names []string) {
	for _, verb := range verbsOf(cmd) {
		if !verb.Hidden {
			names = append(names, strings.ReplaceAll(verbName(verb), " ", "-"))
		}
	}
	return names
}

func writeRoff(b *strings.Builder, blocks []block) {
	literal := false
	for i, block := range blocks {
		// A blank line between examples belongs to them.
		more := i+1 < len(blocks) && blocks[i+1].kind == verbatim
		if literal && block.kind != verbatim && !(block.kind == blank && more) {
			b.WriteString(".fi\n.RE\n")
			literal = false
		}
		switch block.kind {
		case heading:
			fmt.Fprintf(b, ".SH %s\n", strings.ToUpper(escape(strings.TrimSuffix(block.text, ":"))))
		case paragraph:
			fmt.Fprintf(b, ".PP\n%s\n", escape(block.text))
		case entry:
			fmt.Fprintf(b, ".TP\n\\fB%s\\fR\n%s\n", escape(block.term), escape(block.text))
		case verbatim:
			if !literal {
				b.WriteString(".PP\n.RS 4\n.nf\n")
				literal = true
			}
			fmt.Fprintln(b, escape(strings.TrimPrefix(block.text, "    ")))
		case blank:
			if literal {
				b.WriteString("\n")
			}
		}
	}
	if literal {
		b.WriteString(".fi\n.RE\n")
	}
}

// escape returns text as man(7) writes it.
func escape(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
