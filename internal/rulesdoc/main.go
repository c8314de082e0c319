// Command rulesdoc writes docs/rules.md from the rules of package check. go generate
// ./check runs it.
package main

import (
	"fmt"
	"os"
	"strings"

	"echod/check"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: rulesdoc FILE")
		os.Exit(2)
	}
	if err := os.WriteFile(os.Args[1], []byte(document()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "rulesdoc:", err)
		os.Exit(1)
	}
}

const introduction = `# The rules

` + "`go generate ./check`" + ` writes this file. ` + "`echod check --list`" + ` prints the same without the causes.

An ID is permanent. A rule applies to the networks listed with it. It is skipped,
never passed, if a flag that it needs is missing.

`

// document returns the text of docs/rules.md.
func document() string {
	var b strings.Builder
	b.WriteString(introduction)
	b.WriteString("| rule | networks | needs |\n|---|---|---|\n")
	for _, r := range check.Rules() {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", r.ID, anchor(r.ID), strings.Join(r.Networks, ", "), quoted(r.Needs))
	}
	for _, r := range check.Rules() {
		writeRule(&b, r)
	}
	b.WriteString("\n## Classes\n\nHow a rule failed, or why its result is inconclusive, in one word.\n\n| class | meaning |\n|---|---|\n")
	for _, c := range check.Classes() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", c.Class, c.Meaning)
	}
	return b.String()
}

func writeRule(b *strings.Builder, r check.Rule) {
	fmt.Fprintf(b, "\n## %s\n\n", r.ID)
	fmt.Fprintf(b, "* **Networks**: %s\n", strings.Join(r.Networks, ", "))
	if needs := r.Needs; len(needs) > 0 {
		fmt.Fprintf(b, "* **Needs**: %s\n", quoted(needs))
	}
	fmt.Fprintf(b, "* **Sends**: %s\n* **Expects**: %s\n* **A failure means**: %s\n", r.Sends, r.Expects, r.Meaning)
	if len(r.Causes) == 0 {
		return
	}
	b.WriteString("\n| class | likely cause | remedy |\n|---|---|---|\n")
	for _, c := range r.Causes {
		fmt.Fprintf(b, "| %s | %s | %s |\n", classes(c.Classes), cell(c.Text), cell(c.Remedy))
	}
}

func classes(classes []check.Class) string {
	if len(classes) == 0 {
		return "any"
	}
	var words []string
	for _, c := range classes {
		words = append(words, string(c))
	}
	return quoted(words)
}

func quoted(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return "`" + strings.Join(words, "`, `") + "`"
}

// cell escapes text for a cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// anchor returns the link target that the usual forges give a heading.
func anchor(heading string) string { return strings.ReplaceAll(heading, "/", "") }
