// Command rulesdoc writes docs/rules.md from the rules of package check and the faults
// of package echotest. go generate ./check runs it.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"echod/check"
	"echod/echotest"
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

A rule with "on 5 connections" runs on five side by side, which are made one directly after
the other: each of up to five servers behind a balancer gets one. A failure on only some of
them says on how many. If it may be due to the load of this run, the rule runs again, alone and
on one connection after another. A bad server among more of them is looked for by
stream/many-connections, whose note says how small a share it would have met.

Before the rules, check finds out whether the target is an echo at all. It sends 64 random
bytes that end with a line end on each of two connections, one after the other, and
half-closes the second; or it sends 64 bytes in each of four datagrams. If something of this
comes back, late, changed or only a part of it, the rules run. If nothing does, no rule
runs: the report has one verdict, which is inconclusive and says what the target does. This
takes up to twice the timeout, within the budget. ` + "`--anyway`" + ` runs the rules in any case. (A target that
answers no datagram within the timeout cannot be reached, which is an error.) The kinds of
targets that are not an echo:

`

// document returns the text of docs/rules.md.
func document() string {
	var b strings.Builder
	b.WriteString(introduction)
	b.WriteString("| kind | the target |\n|---|---|\n")
	for _, k := range check.Kinds() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", k.Kind, k.Meaning)
	}
	b.WriteByte('\n')
	b.WriteString("| rule | networks | needs |\n|---|---|---|\n")
	for _, r := range check.Rules() {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", r.ID, anchor(r.ID), strings.Join(r.Networks, ", "), quoted(r.Needs))
	}
	for _, r := range check.Rules() {
		writeRule(&b, r)
	}
	b.WriteString(commonIntroduction)
	writeCauses(&b, check.CommonCauses())
	b.WriteString("\n## Classes\n\nHow a rule failed, or why its result is inconclusive, in one word.\n\n| class | meaning |\n|---|---|\n")
	for _, c := range check.Classes() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", c.Class, c.Meaning)
	}
	b.WriteString(evidenceIntroduction)
	for _, e := range check.Evidences() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", e.Evidence, e.Meaning)
	}
	b.WriteString(faultsIntroduction)
	writeTable(&b, "server", serverFaults())
	writeTable(&b, "proxy", proxyFaults())
	return b.String()
}

const commonIntroduction = `
## Causes of all rules for streams

A report has the first cause of the rule that fits the class of the failure and what was
seen, or else the first of these that fits.
`

const evidenceIntroduction = `
## Evidence

What was seen of a failure beyond its class. A cause with evidence in its first column
fits only if that was seen.

| evidence | meaning |
|---|---|
`

const faultsIntroduction = `
## Faults

The package ` + "`echotest`" + ` has servers and proxies that are broken on purpose, each with one
fault. Every rule fails with at least one fault, and a fault fails no other rules than
those listed here. A test runs all rules against all faults. Rules in parentheses may
fail in addition, e.g. on a busy machine.
`

// fault is a fault of a server or of a proxy.
type fault struct {
	name, description string
	echotest.Detection
}

func serverFaults() []fault {
	var all []fault
	for _, f := range echotest.Faults() {
		all = append(all, fault{f.Name, f.Description, f.Detection})
	}
	return all
}

func proxyFaults() []fault {
	var all []fault
	for _, f := range echotest.ProxyFaults() {
		all = append(all, fault{f.Name, f.Description, f.Detection})
	}
	return all
}

func writeTable(b *strings.Builder, kind string, faults []fault) {
	fmt.Fprintf(b, "\n| fault | the %s | rules that fail |\n|---|---|---|\n", kind)
	for _, f := range faults {
		var cells []string
		for _, r := range check.Rules() {
			if slices.Contains(f.Fails, r.ID) {
				cells = append(cells, "`"+r.ID+"`")
			} else if slices.Contains(f.MayFail, r.ID) {
				cells = append(cells, "(`"+r.ID+"`)")
			}
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", f.name, cell(f.description), strings.Join(cells, ", "))
	}
}

// namesOf returns the names of the faults with which rule fails.
func namesOf(faults []fault, rule string) []string {
	var names []string
	for _, f := range faults {
		if slices.Contains(f.Fails, rule) {
			names = append(names, f.name)
		}
	}
	return names
}

func writeRule(b *strings.Builder, r check.Rule) {
	fmt.Fprintf(b, "\n## %s\n\n", r.ID)
	fmt.Fprintf(b, "* **Networks**: %s\n", strings.Join(r.Networks, ", "))
	if needs := r.Needs; len(needs) > 0 {
		fmt.Fprintf(b, "* **Needs**: %s\n", quoted(needs))
	}
	fmt.Fprintf(b, "* **Sends**: %s%s\n* **Expects**: %s\n* **A failure means**: %s\n", onConnections(r), r.Sends, r.Expects, r.Meaning)
	for _, faults := range []struct {
		of    string
		names []string
	}{{"servers", namesOf(serverFaults(), r.ID)}, {"proxies", namesOf(proxyFaults(), r.ID)}} {
		if len(faults.names) > 0 {
			fmt.Fprintf(b, "* **Detects [faults](#faults) of %s**: %s\n", faults.of, quoted(faults.names))
		}
	}
	if len(r.Causes) > 0 {
		writeCauses(b, r.Causes)
	}
}

func onConnections(r check.Rule) string {
	if n := r.Connections(); n > 1 {
		return fmt.Sprintf("on %d connections, ", n)
	}
	return ""
}

func writeCauses(b *strings.Builder, causes []check.Cause) {
	b.WriteString("\n| class (evidence) | likely cause | remedy |\n|---|---|---|\n")
	for _, c := range causes {
		fmt.Fprintf(b, "| %s%s | %s | %s |\n", classes(c.Classes), evidence(c.Evidence), cell(c.Text), cell(c.Remedy))
	}
}

// evidence returns what a cause requires, in parentheses; "" if nothing.
func evidence(required []check.Evidence) string {
	var words []string
	for _, e := range required {
		words = append(words, string(e))
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + quoted(words) + ")"
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
