package main

import (
	"fmt"
	"strings"

	"echod/check"
)

const opening = `# The rules

Written by ` + "`go generate ./check`" + `; ` + "`echod check --list`" + ` tells the same without the causes.

An ID is permanent. A rule applies to the networks that stand beside it and is
skipped, never passed, when it lacks a flag that it needs.

`

// document is docs/rules.md. dir is the source of package check.
func document(dir string) (string, error) {
	classes, err := classes(dir)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(opening)
	b.WriteString("| rule | networks | needs |\n|---|---|---|\n")
	for _, r := range check.Rules() {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", r.ID, anchor(r.ID), strings.Join(r.Networks, ", "), quoted(r.Needs()))
	}
	for _, r := range check.Rules() {
		rule(&b, r)
	}
	b.WriteString("\n## Classes\n\nHow a rule failed, or why it could not be told, in one word.\n\n| class | meaning |\n|---|---|\n")
	for _, c := range classes {
		fmt.Fprintf(&b, "| `%s` | %s |\n", c.word, c.meaning)
	}
	return b.String(), nil
}

func rule(b *strings.Builder, r check.Rule) {
	fmt.Fprintf(b, "\n## %s\n\n", r.ID)
	fmt.Fprintf(b, "* **Networks**: %s\n", strings.Join(r.Networks, ", "))
	if needs := r.Needs(); len(needs) > 0 {
		fmt.Fprintf(b, "* **Needs**: %s\n", quoted(needs))
	}
	fmt.Fprintf(b, "* **Sends**: %s\n* **Expects**: %s\n* **A failure means**: %s\n", r.Sends, r.Expects, r.Meaning)
	causes := r.Causes()
	if len(causes) == 0 {
		return
	}
	b.WriteString("\n| when it ends in | a likely cause | what mends it |\n|---|---|---|\n")
	for _, c := range causes {
		fmt.Fprintf(b, "| %s | %s | %s |\n", when(c.Classes), cell(c.Cause), cell(c.Remedy))
	}
}

func when(classes []check.Class) string {
	if len(classes) == 0 {
		return "anything"
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

// cell is text that stands between two bars.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// anchor is what a heading is linked by on the usual forges.
func anchor(heading string) string { return strings.ReplaceAll(heading, "/", "") }
