package comparison

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Report has the samples of a run. The tables and the chart are made from it, now or later.
type Report struct {
	Date        time.Time   `json:"date"`
	Environment Environment `json:"environment"`
	Seed        uint64      `json:"seed"`
	Warmup      float64     `json:"warmup_seconds"`
	Seconds     float64     `json:"seconds"`     // of each slice
	Tolerance   float64     `json:"tolerance"`   // the share of a slice that other processes could have
	A           string      `json:"a,omitempty"` // the build A: a program or a revision
	B           string      `json:"b,omitempty"`
	Results     []Result    `json:"results"`
}

// Save writes the report to a file as JSON. Each slice is a line.
func (r Report) Save(name string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	for _, start := range []string{`{"round":`, `{"workload":`, `{"server":`, `{"name":`} {
		text = bytes.ReplaceAll(text, []byte(start), []byte("\n"+start))
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

// Replace replaces the results of workloads that were measured once more.
func (r *Report) Replace(later Report) {
	for _, again := range later.Results {
		again.Repeated = &Repeated{later.Date, later.Environment.Commit, later.Tolerance}
		i := slices.IndexFunc(r.Results, func(old Result) bool { return old.Key() == again.Key() })
		if i < 0 {
			r.Results = append(r.Results, again)
		} else {
			r.Results[i] = again
		}
	}
}

// Checks returns the checks of all results.
func (r Report) Checks() []Check {
	var all []Check
	for _, result := range r.Results {
		all = append(all, result.Checks()...)
	}
	return all
}

// WriteMarkdown writes tables of medians with intervals, and the verdicts. The cells are
// padded for terminals.
func (r Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	r.writeHead(&b)
	section(&b, "Goals", r.goalRows())
	section(&b, "A and B", r.buildRows())
	section(&b, "Throughput, ratio to C", r.ratioRows(Throughput))
	section(&b, "CPU time of client and server per message, ratio to C", r.ratioRows(CPU))
	section(&b, "Latency in an open loop, ratio to C", r.latencyRows())
	section(&b, "Cost of a message", r.costRows())
	section(&b, "Lost datagrams, in percent of those that came back", r.lossRows())
	section(&b, "Memory for each idle connection", r.memoryRows())
	section(&b, "Connections of each loop", r.shareRows())
	section(&b, "Slices", r.sliceRows())
	section(&b, "Failures", r.failureRows())
	_, err := io.WriteString(w, b.String())
	return err
}

func (r Report) writeHead(b *strings.Builder) {
	e := r.Environment
	fmt.Fprintf(b, "# Comparison of %s\n\n", r.Date.Format("2006-01-02 15:04 MST"))
	fmt.Fprintf(b, "* %s, %d processors: server on %d, client on %d\n", e.Processor, e.Processors, e.ServerCPU, e.ClientCPU)
	fmt.Fprintf(b, "* Linux %s, %s, %s\n", e.Kernel, e.Go, e.CC)
	if r.A == "" {
		fmt.Fprintf(b, "* echod %s; %s\n", e.Commit, strings.Join(e.Modules, ", "))
	} else {
		fmt.Fprintf(b, "* A is echod %s, B is echod %s\n", r.A, r.B)
	}
	for _, result := range r.Results {
		if again := result.Repeated; again != nil {
			fmt.Fprintf(b, "* %s: measured again at %s, echod %s, and other processes could run for %g %% of a slice\n",
				result.Key(), again.Date.Format("2006-01-02 15:04"), again.Commit, again.Tolerance*100)
		}
	}
	fmt.Fprintf(b, "* load average before: %s; nice value %d; seed %d\n", e.LoadAverage, e.Nice, r.Seed)
	fmt.Fprintf(b, "* slices of %g s after %g s of warm-up; a ratio is that of two slices of one round\n", r.Seconds, r.Warmup)
	switch {
	case r.Tolerance == 0:
		fmt.Fprintf(b, "* no slice is thrown away, even if it was disturbed\n")
	case e.RunTime == "":
		fmt.Fprintf(b, "* **this kernel does not say how long other processes ran: only stolen time and involuntary switches are seen**\n")
	default:
		fmt.Fprintf(b, "* a slice is thrown away if other processes ran for more than %g %% of it (%s), if time was stolen, or after more than %d involuntary switches a second\n",
			r.Tolerance*100, e.RunTime, switchesPerSecond)
	}
	fmt.Fprintf(b, "* a cell is the median of the ratios with its 95 %% interval; C is 1\n")
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

func (r Report) goalRows() [][]string {
	rows := [][]string{{"workload", "server", "base", "goal", "measured", "pairs", "CPU", "verdict"}}
	for _, c := range r.Checks() {
		pairs, cpu := "", ""
		if n := c.Comparison.Throughput.Pairs; n > 0 {
			pairs, cpu = strconv.Itoa(n), c.Comparison.CPU.String()
		}
		if c.Goal.P99 > 0 {
			pairs = strconv.Itoa(c.Result.Latency.ratio(c.Goal.Versus).P99.Pairs)
		}
		rows = append(rows, []string{c.Result.Name(), c.Goal.Server, c.Goal.Base, c.Goal.Limit(),
			c.Measured(), pairs, cpu, c.String()})
	}
	return rows
}

// buildRows compares the builds A and B.
func (r Report) buildRows() [][]string {
	rows := [][]string{{"workload", "A/B", "pairs", "CPU", "verdict"}}
	for _, result := range r.Results {
		if v, ok := result.CompareBuilds(); ok {
			rows = append(rows, []string{result.Name(), v.Throughput.String(),
				strconv.Itoa(v.Throughput.Pairs), v.CPU.String(), v.Verdict})
		}
	}
	return rows
}

// sliceRows says how many slices were thrown away, and how far the base is from itself.
func (r Report) sliceRows() [][]string {
	rows := [][]string{{"workload", "slices", "thrown away", "most frequent reason", "base against itself", "verdicts"}}
	for _, result := range r.Results {
		if result.Tried == 0 {
			continue
		}
		itself, verdicts := "", "valid"
		if c, ok := result.comparison(Versus{result.Servers[0].Name + again, result.Servers[0].Name}); ok {
			itself = c.Throughput.String()
		}
		if why := result.CannotTell(); why != "" {
			verdicts = "none: " + why
		}
		rows = append(rows, []string{result.Name(), strconv.Itoa(result.Tried),
			strconv.Itoa(result.Discards()), result.mainReason(), itself, verdicts})
	}
	return rows
}

// mainReason returns the most frequent reason why slices were thrown away, with its median.
func (r Result) mainReason() string {
	amounts := map[string][]float64{}
	most := ""
	for _, e := range r.Servers {
		for _, d := range e.Discarded {
			amounts[d.Reason] = append(amounts[d.Reason], d.Amount)
			if n := len(amounts[d.Reason]); n > len(amounts[most]) {
				most = d.Reason
			}
		}
	}
	if most == "" {
		return ""
	}
	return fmt.Sprintf("%s (%d times)", Disturbance{most, median(amounts[most])}, len(amounts[most]))
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
		row := []string{result.Name()}
		for _, name := range columns {
			row = append(row, result.cell(m, name))
		}
		rows = append(rows, row)
	}
	return rows
}

func (r Result) cell(m Metric, name string) string {
	e, ok := r.server(name)
	c, compared := r.comparison(Versus{name, r.Servers[0].Name})
	switch {
	case !ok:
		return ""
	case e.Failure != "":
		return "failed"
	case !compared:
		return "not measured"
	default:
		return c.interval(m).String()
	}
}

func (r Report) lossRows() [][]string {
	rows := [][]string{{"workload", "server", "lost"}}
	for _, result := range r.cases() {
		for _, e := range result.Servers {
			if result.Workload.isUDP() && len(e.Slices) > 0 {
				rows = append(rows, []string{result.Name(), e.Name, fmt.Sprintf("%.3f", median(Loss.Values(e))*100)})
			}
		}
	}
	return rows
}

func (r Report) memoryRows() [][]string {
	rows := [][]string{{"workload", "server", "bytes (lowest–highest)"}}
	for _, result := range r.Results {
		for _, e := range result.Servers {
			if len(e.IdleBytes) > 0 {
				rows = append(rows, []string{result.Name(), e.Name, bytesRange(e)})
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
				rows = append(rows, []string{result.Name(), e.Name,
					strings.Trim(fmt.Sprint(shares), "[]"), strings.Replace(most, "+Inf", "", 1)})
			}
		}
	}
	return rows
}

func (r Report) failureRows() [][]string {
	rows := [][]string{{"workload", "server", "slices before it", "reason"}}
	add := func(r Result, e ServerResult, what, why string) {
		if why != "" {
			why = strings.NewReplacer("\n", " ", "|", "/").Replace(what + why)
			rows = append(rows, []string{r.Name(), e.Name, fmt.Sprint(len(e.Slices)), why})
		}
	}
	for _, result := range r.Results {
		for _, e := range result.Servers {
			add(result, e, "", e.Failure)
			if e.Costs != nil {
				add(result, e, "costs: ", e.Costs.Why)
			}
		}
		if result.Latency == nil {
			continue
		}
		for _, e := range result.Latency.Servers {
			add(result, e, "latency: ", e.Failure)
		}
	}
	return rows
}
