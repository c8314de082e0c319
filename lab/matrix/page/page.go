// Package page writes docs/matrix.md, and a short form of it for a terminal.
package page

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"echod/lab/matrix/lab"
	"echod/lab/matrix/programs"
)

// Summary writes all results that are not a pass, for a terminal.
func Summary(out io.Writer, outcomes []lab.Outcome) error {
	for _, o := range outcomes {
		fmt.Fprintf(out, "\n%s %s, %s\n", o.Program, o.Version, o.Setup.Name)
		if o.Report == nil {
			fmt.Fprintf(out, "  not run: %s\n", o.Reason)
			continue
		}
		for _, r := range o.Report.Results {
			if r.Verdict != "pass" {
				fmt.Fprintf(out, "  %-24s %-6s %s\n", r.Rule, r.Verdict, r.Detail)
				if r.Plain != nil {
					fmt.Fprintf(out, "  %-24s plain sockets: %v\n", "", r.Plain)
				}
			}
		}
	}
	return nil
}

// entry is an outcome in index.json: everything that the raw report does not have.
type entry struct {
	Program string                       `json:"program"`
	Setup   string                       `json:"setup"`
	Source  string                       `json:"source"`
	Version string                       `json:"version,omitempty"`
	Reason  string                       `json:"reason,omitempty"` // why it could not be run
	Plain   map[string]*lab.Confirmation `json:"plain,omitempty"`  // by rule
}

// Write writes dir/matrix.md, and into dir/matrix the report of check for each setup, and
// index.json. It removes the old files.
func Write(dir string, outcomes []lab.Outcome, missing []programs.Absent) error {
	raw := filepath.Join(dir, "matrix")
	if err := os.RemoveAll(raw); err != nil {
		return err
	}
	if err := os.MkdirAll(raw, 0o755); err != nil {
		return err
	}
	var index []entry
	for i, o := range outcomes {
		e := entry{Program: o.Program, Setup: o.Setup.Name, Source: o.Source, Version: o.Version, Reason: o.Reason}
		if o.Report != nil {
			if err := os.WriteFile(filepath.Join(raw, fileOf(i, o)), o.Report.Raw, 0o644); err != nil {
				return err
			}
			e.Plain = make(map[string]*lab.Confirmation)
			for _, r := range o.Report.Results {
				if r.Plain != nil {
					e.Plain[r.Rule] = r.Plain
				}
			}
		}
		index = append(index, e)
	}
	text, err := json.MarshalIndent(index, "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(raw, indexFile), append(text, '\n'), 0o644); err != nil {
		return err
	}
	return writePage(dir, outcomes, missing)
}

const indexFile = "index.json"

// Render writes dir/matrix.md from the files in dir/matrix, without running a program.
func Render(dir string, all []lab.Program, missing []programs.Absent) error {
	raw := filepath.Join(dir, "matrix")
	text, err := os.ReadFile(filepath.Join(raw, indexFile))
	if err != nil {
		return err
	}
	var index []entry
	if err := json.Unmarshal(text, &index); err != nil {
		return fmt.Errorf("%s: %w", indexFile, err)
	}
	var outcomes []lab.Outcome
	for i, e := range index {
		setup, ok := findSetup(all, e)
		if !ok {
			return fmt.Errorf("%s: unknown setup %s, %s: run make matrix", indexFile, e.Program, e.Setup)
		}
		o := lab.Outcome{Program: e.Program, Source: e.Source, Version: e.Version, Reason: e.Reason, Setup: setup}
		if e.Reason == "" {
			text, err := os.ReadFile(filepath.Join(raw, fileOf(i, o)))
			if err != nil {
				return err
			}
			if o.Report, err = lab.ParseReport(text); err != nil {
				return fmt.Errorf("%s: %w", fileOf(i, o), err)
			}
			for n, r := range o.Report.Results {
				o.Report.Results[n].Plain = e.Plain[r.Rule]
			}
		}
		outcomes = append(outcomes, o)
	}
	return writePage(dir, outcomes, missing)
}

func findSetup(all []lab.Program, e entry) (lab.Setup, bool) {
	for _, p := range all {
		i := slices.IndexFunc(p.Setups, func(s lab.Setup) bool { return s.Name == e.Setup })
		if p.Name == e.Program && i >= 0 {
			return p.Setups[i], true
		}
	}
	return lab.Setup{}, false
}

func writePage(dir string, outcomes []lab.Outcome, missing []programs.Absent) error {
	p := &document{outcomes: outcomes, missing: missing}
	return os.WriteFile(filepath.Join(dir, "matrix.md"), []byte(p.text()), 0o644)
}

// fileOf returns the name of the report of outcome i: its number, the program, and the
// configuration if it is not the default.
func fileOf(i int, o lab.Outcome) string {
	name := o.Program
	if o.Setup.Fixes != "" {
		name += " " + o.Setup.Name
	}
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	return fmt.Sprintf("%02d-%s.json", i+1, strings.Join(words, "-"))
}

// Reports returns the files in dir/matrix with the reports of check, in the order of the page.
func Reports(dir string) ([]string, error) {
	return filepath.Glob(filepath.Join(dir, "matrix", "[0-9]*.json"))
}

// document is the text of docs/matrix.md.
type document struct {
	strings.Builder
	outcomes []lab.Outcome
	missing  []programs.Absent
}

func (p *document) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *document) text() string {
	p.line("%s", opening)
	p.summary()
	p.answers()
	p.remarks()
	p.line("%s", repeat)
	p.notTested()
	for i, o := range p.outcomes {
		if o.Report != nil {
			p.chapter(i, o)
		}
	}
	p.line("`make matrix` writes this page. To change it, change lab/matrix and run that, or `go run . -render` there.")
	return p.String()
}

// proxiesThat returns the number of setups of proxies with this verdict of rule.
func (p *document) proxiesThat(verdict, rule string) int {
	n := 0
	for _, o := range p.outcomes {
		if o.Report == nil || o.Setup.IsServer {
			continue
		}
		if r, ok := o.Report.Find(rule); ok && r.Verdict == verdict {
			n++
		}
	}
	return n
}

func (p *document) notTested() {
	p.line("## Not tested\n")
	for _, o := range p.outcomes {
		if o.Report == nil {
			reason, _, _ := strings.Cut(o.Reason, "\n")
			p.line("* **%s**, %s: %s", o.Program, o.Setup.Name, reason)
		}
	}
	for _, a := range p.missing {
		p.line("* **%s**: %s", a.Name, a.Reason)
	}
	p.line("%s", notTested)
}

// short returns a rule without the common prefix of all rules.
func short(rule string) string { return strings.TrimPrefix(rule, "stream/") }

// link returns a link to the description of a rule.
func link(rule string) string {
	return fmt.Sprintf("[%s](rules.md#%s)", short(rule), strings.ReplaceAll(rule, "/", ""))
}
