package comparison

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Report has the raw samples of a run. The tables and the chart are made from it, now or
// later.
type Report struct {
	Date        time.Time   `json:"date"`
	Environment Environment `json:"environment"`
	Warmup      float64     `json:"warmup_seconds"`
	Seconds     float64     `json:"seconds"` // of each sample; a server has two in a round
	Results     []Result    `json:"results"`
}

// Save writes the report to a file as JSON.
func (r Report) Save(name string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644)
}

// Open reads a file that Save has written.
func Open(name string) (Report, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return Report{}, err
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		return Report{}, fmt.Errorf("read %s: %w", name, err)
	}
	return r, nil
}

// Checks returns the checks of all results.
func (r Report) Checks() []Check {
	var all []Check
	for _, result := range r.Results {
		all = append(all, result.Checks()...)
	}
	return all
}

// WriteMarkdown writes tables of median ratios with quartiles. The cells are padded for
// terminals.
func (r Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	r.writeHead(&b)
	section(&b, "Targets", r.targetRows())
	section(&b, "Throughput, ratio to C", r.ratioRows(Throughput))
	section(&b, "Client + server CPU per message, ratio to C", r.ratioRows(ProcessCPU))
	section(&b, "Lost datagrams, in percent of those that came back", r.lossRows())
	section(&b, "Memory for each idle connection", r.memoryRows())
	section(&b, "Connections of each loop", r.shareRows())
	section(&b, "Failures", r.failureRows())
	_, err := io.WriteString(w, b.String())
	return err
}

func (r Report) writeHead(b *strings.Builder) {
	e := r.Environment
	fmt.Fprintf(b, "# Comparison of %s\n\n", r.Date.Format("2006-01-02 15:04 MST"))
	fmt.Fprintf(b, "* %s, %d processors: server on %d, client on %d\n", e.Processor, e.Processors, e.ServerCPU, e.ClientCPU)
	fmt.Fprintf(b, "* Linux %s, %s, %s\n", e.Kernel, e.Go, e.CC)
	fmt.Fprintf(b, "* echod %s; %s\n", e.Commit, strings.Join(e.Modules, ", "))
	fmt.Fprintf(b, "* load average before: %s\n", e.LoadAverage)
	fmt.Fprintf(b, "* %d rounds; in each, two samples of %g s after %g s of warm-up for every server, in mirrored order\n",
		r.rounds(), r.Seconds, r.Warmup)
	fmt.Fprintf(b, "* a cell is the median of the rounds with the quartiles; C is 1\n")
}

// rounds returns the number of rounds.
func (r Report) rounds() int {
	most := 0
	for _, result := range r.Results {
		for _, e := range result.Servers {
			most = max(most, len(e.Rounds))
		}
	}
	return most
}

// section writes a table. The first row is the head. It omits a table without other rows.
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

func (r Report) targetRows() [][]string {
	rows := [][]string{{"workload", "server", "base", "messages/s", "throughput", "≥", "client + server CPU", "≤", "verdict"}}
	for _, c := range r.Checks() {
		if c.Want.Bytes > 0 || c.ServerResult.Failure != "" || c.Base.Failure != "" || len(c.ServerResult.Rounds) == 0 {
			rows = append(rows, []string{c.Result.Workload.String(), c.ServerResult.Name, c.Base.Name, "", "", "", "", "", c.Verdict()})
			continue
		}
		rows = append(rows, []string{
			c.Result.Workload.String(), c.ServerResult.Name, c.Base.Name,
			fmt.Sprintf("%.0f", SpreadOf(Throughput.Values(c.ServerResult)).Median),
			SpreadOf(Throughput.Ratios(c.ServerResult, c.Base)).String(), target(c.Want.Throughput),
			SpreadOf(ProcessCPU.Ratios(c.ServerResult, c.Base)).String(), target(c.Want.CPU),
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

// cases returns the results with C as the base.
func (r Report) cases() []Result {
	var all []Result
	for _, result := range r.Results {
		if !result.Free && result.Workload.Kind != Idle {
			all = append(all, result)
		}
	}
	return all
}

// names returns the names of all servers except the bases.
func names(results []Result) []string {
	var all []string
	for _, result := range results {
		for _, e := range result.Servers[1:] {
			if !slices.Contains(all, e.Name) {
				all = append(all, e.Name)
			}
		}
	}
	return all
}

// ratioRows returns a row for each workload and a column for each server.
func (r Report) ratioRows(m Metric) [][]string {
	cases := r.cases()
	columns := names(cases)
	rows := [][]string{append([]string{"workload"}, columns...)}
	for _, result := range cases {
		row := []string{result.Workload.String()}
		for _, name := range columns {
			row = append(row, result.cell(m, name))
		}
		rows = append(rows, row)
	}
	return rows
}

func (r Result) cell(m Metric, name string) string {
	e, ok := r.server(name)
	switch ratios := m.Ratios(e, r.Servers[0]); {
	case !ok:
		return ""
	case e.Failure != "" || len(ratios) == 0:
		return "failed"
	default:
		return SpreadOf(ratios).String()
	}
}

func (r Report) lossRows() [][]string {
	rows := [][]string{{"workload", "server", "lost"}}
	for _, result := range r.cases() {
		for _, e := range result.Servers {
			if result.Workload.isUDP() && len(e.Rounds) > 0 {
				lost := SpreadOf(Loss.Values(e)).Median * 100
				rows = append(rows, []string{result.Workload.String(), e.Name, fmt.Sprintf("%.3f", lost)})
			}
		}
	}
	return rows
}

func (r Report) memoryRows() [][]string {
	rows := [][]string{{"workload", "server", "bytes", "lowest", "highest", "≤"}}
	for _, result := range r.Results {
		for _, e := range result.Servers {
			if result.Workload.Kind == Idle && len(e.Rounds) > 0 {
				s, most := SpreadOf(Memory.Values(e)), ""
				if isEchod(e.Name) && e.Name != EchodName("net") {
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
	rows := [][]string{{"workload", "server", "connections of each loop", "ratio"}}
	for _, result := range r.Results {
		for _, e := range result.Servers {
			for _, shares := range e.Shares {
				most := fmt.Sprintf("%.2f", ServerResult{Shares: [][]int{shares}}.Imbalance())
				rows = append(rows, []string{result.Workload.String(), e.Name,
					strings.Trim(fmt.Sprint(shares), "[]"), strings.Replace(most, "+Inf", "", 1)})
			}
		}
	}
	return rows
}

func (r Report) failureRows() [][]string {
	rows := [][]string{{"workload", "server", "rounds before it", "reason"}}
	for _, result := range r.Results {
		for _, e := range result.Servers {
			if e.Failure != "" {
				why := strings.NewReplacer("\n", " ", "|", "/").Replace(e.Failure)
				rows = append(rows, []string{result.Workload.String(), e.Name, fmt.Sprint(len(e.Rounds)), why})
			}
		}
	}
	return rows
}
