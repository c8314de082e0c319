package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"echod/lab/inject/plan"
)

// Document is the report of all trials.
type Document struct {
	Seed    uint64   `json:"seed"`
	Total   int      `json:"total"` // number of all cases
	Results []Result `json:"results"`
	Unused  []string `json:"unused,omitempty"` // entries of known.txt
}

// WriteJSON writes d as JSON.
func (d Document) WriteJSON(w io.Writer) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "\t")
	return out.Encode(d)
}

// WriteText writes a table of all results, and then the broken promises, the most serious
// first.
func (d Document) WriteText(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := []string{"TARGET", "CALL", "ERRNO"}
	for _, when := range plan.Whens() {
		head = append(head, strings.ToUpper(string(when)))
	}
	fmt.Fprintln(table, strings.Join(head, "\t"))
	type row struct{ target, call, errno string }
	var rows []row
	words := make(map[row]map[plan.When]string)
	for _, r := range d.Results {
		key := row{r.Target, r.Call, r.Errno}
		if words[key] == nil {
			words[key] = make(map[plan.When]string)
			rows = append(rows, key)
		}
		words[key][r.When] = r.Word()
	}
	for _, key := range rows {
		cells := []string{key.target, key.call, key.errno}
		for _, when := range plan.Whens() {
			cells = append(cells, cmp.Or(words[key][when], "-"))
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return d.writeFindings(w)
}

func (d Document) writeFindings(w io.Writer) error {
	count := make(map[Status]int)
	for _, r := range d.Results {
		count[r.Status]++
		if r.Status == Failed {
			fmt.Fprintf(w, "\n%s: the trial failed: %s\n", r.Case, r.Reason)
		}
		for _, f := range r.Seen.Unsteady {
			fmt.Fprintf(w, "\n%s: broken in one run and not in the next: %s: %s\n", r.Case, f.Promise, f.Text)
		}
	}
	for _, r := range BySeverity(d.Results) {
		fmt.Fprintf(w, "\n%s\n", r.Case)
		if r.Status == Known {
			fmt.Fprintf(w, "  known    %s\n", r.Reason)
		}
		for _, f := range r.Findings {
			fmt.Fprintf(w, "  %s: %s\n", f.Promise, f.Text)
		}
		fmt.Fprintf(w, "  repeat   cd lab/inject && go run . -only '%s'\n", r.Case)
	}
	for _, pattern := range d.Unused {
		fmt.Fprintf(w, "\nknown.txt: %s: no case breaks a promise any more: remove the line\n", pattern)
	}
	_, err := fmt.Fprintf(w, "\n%d of %d cases, seed %d: %s\n", len(d.Results), d.Total, d.Seed, tally(count))
	return err
}

func tally(count map[Status]int) string {
	var parts []string
	for _, s := range []Status{OK, Broken, Unsteady, Known, Runtime, Unreached, Failed} {
		if count[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count[s], s))
		}
	}
	return strings.Join(parts, ", ")
}
