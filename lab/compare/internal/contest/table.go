package contest

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// WriteMarkdown writes the report as tables of median ratios, each with its
// quartiles. They are padded, so that they can be read in a terminal too.
func (r Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	r.writeHead(&b)
	section(&b, "What echod is held to", r.claimRows())
	section(&b, "Throughput, ratio to C", r.everybody(Throughput))
	section(&b, "System CPU per message, ratio to C", r.everybody(MachineCPU))
	section(&b, "Client + server CPU per message, ratio to C", r.everybody(ProcessCPU))
	section(&b, "Datagrams lost, percent of those that came back", r.lossRows())
	section(&b, "Memory for each idle connection", r.memoryRows())
	section(&b, "How loops share connections", r.shareRows())
	section(&b, "Failures", r.failureRows())
	_, err := io.WriteString(w, b.String())
	return err
}

func (r Report) writeHead(b *strings.Builder) {
	e := r.Environment
	fmt.Fprintf(b, "# Comparison of %s\n\n", r.Date.Format("2006-01-02 15:04 MST"))
	fmt.Fprintf(b, "* %s, %d processors: server on %d, client on %d\n", e.Processor, e.Processors, e.ServerCPU, e.ClientCPU)
	fmt.Fprintf(b, "* Linux %s, %s, %s\n", e.Kernel, e.Go, e.CC)
	fmt.Fprintf(b, "* echod %s; %s\n", e.Commit, strings.Join(e.Peers, ", "))
	fmt.Fprintf(b, "* load average before: %s\n", e.LoadAverage)
	fmt.Fprintf(b, "* %d rounds; in each, two samples of %g s after %g s of warm-up for every contender, in mirrored order\n",
		r.rounds(), r.Seconds, r.Warmup)
	fmt.Fprintf(b, "* a cell is the median of the rounds, with the quartiles; C is 1\n")
}

// rounds is the most that a contender played.
func (r Report) rounds() int {
	most := 0
	for _, result := range r.Results {
		for _, e := range result.Entries {
			most = max(most, len(e.Rounds))
		}
	}
	return most
}

// section writes a table, of which the first row is the head. One without
// other rows is left out whole.
func section(b *strings.Builder, title string, rows [][]string) {
	if len(rows) < 2 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n", title)
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	rule := make([]string, len(widths))
	for i, width := range widths {
		rule[i] = strings.Repeat("-", width)
	}
	for _, row := range slices.Insert(rows, 1, rule) {
		for i, cell := range row {
			fmt.Fprintf(b, "| %s%s ", cell, strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)))
		}
		b.WriteString("|\n")
	}
}

func (r Report) claimRows() [][]string {
	rows := [][]string{{"workload", "contender", "against", "messages/s", "throughput", "≥", "system CPU", "≤", "client + server CPU", "verdict"}}
	for _, c := range r.Claims() {
		if c.Want.Bytes > 0 || c.Entry.Failure != "" || c.Base.Failure != "" || len(c.Entry.Rounds) == 0 {
			rows = append(rows, []string{c.Result.Workload.String(), c.Entry.Name, c.Base.Name, "", "", "", "", "", "", c.Verdict()})
			continue
		}
		rows = append(rows, []string{
			c.Result.Workload.String(), c.Entry.Name, c.Base.Name,
			fmt.Sprintf("%.0f", SpreadOf(Throughput.Figures(c.Entry)).Median),
			SpreadOf(Throughput.Ratios(c.Entry, c.Base)).String(), target(c.Want.Throughput),
			SpreadOf(MachineCPU.Ratios(c.Entry, c.Base)).String(), target(c.Want.CPU),
			SpreadOf(ProcessCPU.Ratios(c.Entry, c.Base)).String(),
			c.Verdict(),
		})
	}
	return rows
}

func target(ratio float64) string {
	if ratio == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", ratio)
}

// matches are the results whose ratios are to C.
func (r Report) matches() []Result {
	var all []Result
	for _, result := range r.Results {
		if !result.Free && result.Workload.Kind != Idle {
			all = append(all, result)
		}
	}
	return all
}

// names are those of everybody but the bases, in the order they come up.
func names(results []Result) []string {
	var all []string
	for _, result := range results {
		for _, e := range result.Entries[1:] {
			if !slices.Contains(all, e.Name) {
				all = append(all, e.Name)
			}
		}
	}
	return all
}

// everybody is a row for each workload and a column for each contender.
func (r Report) everybody(m Measure) [][]string {
	matches := r.matches()
	columns := names(matches)
	rows := [][]string{append([]string{"workload"}, columns...)}
	for _, result := range matches {
		row := []string{result.Workload.String()}
		for _, name := range columns {
			row = append(row, result.cell(m, name))
		}
		rows = append(rows, row)
	}
	return rows
}

func (r Result) cell(m Measure, name string) string {
	e, met := r.entry(name)
	switch ratios := m.Ratios(e, r.Entries[0]); {
	case !met:
		return ""
	case e.Failure != "" || len(ratios) == 0:
		return "failed"
	default:
		return SpreadOf(ratios).String()
	}
}

func (r Report) lossRows() [][]string {
	rows := [][]string{{"workload", "contender", "lost"}}
	for _, result := range r.matches() {
		for _, e := range result.Entries {
			if result.Workload.Kind == Datagrams && len(e.Rounds) > 0 {
				lost := SpreadOf(Loss.Figures(e)).Median * 100
				rows = append(rows, []string{result.Workload.String(), e.Name, fmt.Sprintf("%.3f", lost)})
			}
		}
	}
	return rows
}

func (r Report) memoryRows() [][]string {
	rows := [][]string{{"workload", "contender", "bytes", "least", "most", "≤"}}
	for _, result := range r.Results {
		for _, e := range result.Entries {
			if result.Workload.Kind == Idle && len(e.Rounds) > 0 {
				s, most := SpreadOf(Memory.Figures(e)), ""
				if ours(e.Name) && e.Name != EchodName("net") {
					most = fmt.Sprintf("%.0f", targetOf(result.Workload).Bytes)
				}
				rows = append(rows, []string{result.Workload.String(), e.Name,
					fmt.Sprintf("%.0f", s.Median), fmt.Sprintf("%.0f", s.Min), fmt.Sprintf("%.0f", s.Max), most})
			}
		}
	}
	return rows
}

func (r Report) shareRows() [][]string {
	rows := [][]string{{"workload", "contender", "connections of each loop", "most to least"}}
	for _, result := range r.Results {
		for _, e := range result.Entries {
			for _, shares := range e.Shares {
				most := fmt.Sprintf("%.2f", Entry{Shares: [][]int{shares}}.Uneven())
				rows = append(rows, []string{result.Workload.String(), e.Name,
					strings.Trim(fmt.Sprint(shares), "[]"), strings.Replace(most, "+Inf", "", 1)})
			}
		}
	}
	return rows
}

func (r Report) failureRows() [][]string {
	rows := [][]string{{"workload", "contender", "after rounds", "why"}}
	for _, result := range r.Results {
		for _, e := range result.Entries {
			if e.Failure != "" {
				why := strings.NewReplacer("\n", " ", "|", "/").Replace(e.Failure)
				rows = append(rows, []string{result.Workload.String(), e.Name, fmt.Sprint(len(e.Rounds)), why})
			}
		}
	}
	return rows
}
