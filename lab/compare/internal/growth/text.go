package growth

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"echod/internal/draw"
	"echod/lab/compare/internal/comparison"
)

// WriteMarkdown writes the exponents and the medians as tables.
func (r Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	e := r.Environment
	fmt.Fprintf(&b, "# How cost grows, %s\n\n", r.Date.Format("2006-01-02 15:04 MST"))
	fmt.Fprintf(&b, "* %s, %d processors: server on %d, client on %d\n", e.Processor, e.Processors, e.ServerCPU, e.ClientCPU)
	fmt.Fprintf(&b, "* Linux %s, %s, %s\n", e.Kernel, e.Go, e.CC)
	fmt.Fprintf(&b, "* echod %s; load average before: %s; nice value %d; seed %d\n", e.Commit, e.LoadAverage, e.Nice, r.Seed)
	fmt.Fprintf(&b, "* a value is the median of %s of %g s each; the servers take turns in random order\n", r.slices(), r.Seconds)
	fmt.Fprintf(&b, "* %s ([how](../README.md))\n", r.thrownAway())
	fmt.Fprintf(&b, "\n## Exponents\n\n%s", r.exponents())
	for _, c := range r.Charts() {
		fmt.Fprintf(&b, "\n## %s\n\n%s", c.title(), c.table(Conns))
	}
	if failures := r.failures(); len(failures) > 1 {
		fmt.Fprintf(&b, "\n## Failures\n\n%s", table(failures))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// slices returns the number of slices of the points with messages, e.g. 5 slices, or 3 to 5 slices.
func (r Report) slices() string {
	var counts []int
	for _, p := range r.Points {
		if len(p.Slices) > 0 {
			counts = append(counts, len(p.Slices))
		}
	}
	if len(counts) == 0 {
		return "no slices"
	}
	if least, most := slices.Min(counts), slices.Max(counts); least < most {
		return fmt.Sprintf("%d to %d slices", least, most)
	}
	return fmt.Sprintf("%d slices", counts[0])
}

// thrownAway says how many slices were thrown away.
func (r Report) thrownAway() string {
	if r.Tolerance == 0 {
		return "no slice was thrown away, even if it was disturbed"
	}
	kept, gone := 0, 0
	for _, p := range r.Points {
		kept, gone = kept+len(p.Slices), gone+p.Discarded
	}
	return fmt.Sprintf("%s of %s slices were thrown away, in which other processes ran for more than %g %%, or worse",
		draw.Whole(float64(gone)), draw.Whole(float64(kept+gone)), r.Tolerance*100)
}

// table writes rows, of which the first is the head.
func table(rows [][]string) string {
	var b strings.Builder
	for i, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	return b.String()
}

// head returns the first row of a table with a column for each server.
func head(first string) []string {
	row := []string{first}
	for _, server := range Servers {
		row = append(row, engine(server))
	}
	return row
}

// exponents returns the table of exponents with their standard errors.
func (r Report) exponents() string {
	rows := [][]string{head("exponent")}
	for _, c := range r.Charts() {
		row := []string{c.title()}
		for _, l := range c.Lines {
			cell := draw.Unknown
			if l.Fitted {
				cell = l.Fit.String()
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return table(rows)
}

// table returns the medians with these numbers of connections.
func (c Chart) table(conns []int) string {
	rows := [][]string{head("connections")}
	for _, n := range conns {
		if !c.has(n) {
			continue
		}
		row := []string{draw.Whole(float64(n))}
		for _, l := range c.Lines {
			cell := ""
			if reaches(l.Server, n) {
				cell = c.unit.Write(l.value(n))
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return table(rows)
}

func (r Report) failures() [][]string {
	rows := [][]string{{"server", "connections", "active", "reason"}}
	for _, p := range r.Points {
		if p.Failure != "" {
			why := strings.NewReplacer("\n", " ", "|", "/").Replace(p.Failure)
			rows = append(rows, []string{p.Server, draw.Whole(float64(p.Conns)), draw.Whole(float64(p.Active)), why})
		}
	}
	return rows
}

// The numbers of connections that the documents quote.
const (
	few  = 100
	many = 19000
)

// blocks are the texts of the documents that quote the report, by name.
var blocks = map[string]func(Report) string{
	"table":  Report.tableBlock,
	"select": Report.selectBlock,
	"poll":   Report.pollBlock,
	"epoll":  Report.epollBlock,
}

func (r Report) tableBlock() string {
	e := r.Environment
	return r.exponents() + fmt.Sprintf(`
A cell is the exponent with its standard error: least squares on the logarithms, over the last
factor of ten of each line. The lines end at %s connections for select, at %s for the others,
and at %s for memory.

With one active connection, the CPU time of the server for a message is:

%s
Measured on %s: %s, %d processors, Linux %s, echod %s; %s.
`,
		draw.Whole(mostSelect), draw.Whole(many), draw.Whole(float64(Idle.most)),
		r.chart(One, CPU).table([]int{1, few, mostSelect, many}),
		r.Date.Format("2006-01-02"), e.Processor, e.Processors, e.Kernel, e.Commit, r.thrownAway())
}

// cost returns the CPU time of a message of an engine, e.g. 25.1 µs.
func (r Report) cost(load Load, name string, conns int) string {
	return draw.Seconds.Write(r.chart(load, CPU).line(comparison.EchodName(name)).value(conns))
}

// exponent returns the exponent of the CPU time of a message of an engine.
func (r Report) exponent(load Load, name string) string {
	return r.chart(load, CPU).line(comparison.EchodName(name)).Fit.String()
}

func (r Report) selectBlock() string {
	return paragraph(`With one active connection, a message costs select %s of CPU time with %s connections, and
%s with %s: the exponent is %s. If all %s are active, a wait finds many of them ready,
and a message costs %s. The line ends there: descriptor 1023 is the last one with a bit.
`,
		r.cost(One, "select", few), draw.Whole(few),
		r.cost(One, "select", mostSelect), draw.Whole(mostSelect), r.exponent(One, "select"), draw.Whole(mostSelect),
		r.cost(All, "select", mostSelect))
}

func (r Report) pollBlock() string {
	return paragraph(`With one active connection, a message costs poll %s of CPU time with %s connections, and
%s with %s: the exponent is %s. If 1 %% of them are active, it costs %s, because a wait
finds many of them ready and they share its cost. If all are active, it costs %s, and epoll %s.
`,
		r.cost(One, "poll", few), draw.Whole(few),
		r.cost(One, "poll", many), draw.Whole(many), r.exponent(One, "poll"),
		r.cost(Percent, "poll", many), r.cost(All, "poll", many), r.cost(All, "epoll", many))
}

func (r Report) epollBlock() string {
	return paragraph(`With one active connection, a message costs epoll %s of CPU time with %s connections, and
%s with %s: the exponent is %s. For poll it is %s, and
a message costs %s. If all %s are active, a message costs epoll %s and poll %s.
`,
		r.cost(One, "epoll", few), draw.Whole(few),
		r.cost(One, "epoll", many), draw.Whole(many), r.exponent(One, "epoll"),
		r.exponent(One, "poll"), r.cost(One, "poll", many),
		draw.Whole(many), r.cost(All, "epoll", many), r.cost(All, "poll", many))
}

// paragraph returns a text in lines of at most 100 characters.
func paragraph(format string, args ...any) string {
	return draw.Fold(fmt.Sprintf(format, args...), 100, "", "")
}
