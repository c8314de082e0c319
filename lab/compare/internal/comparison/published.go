package comparison

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// resultsDir is the directory of the results that are kept, in the repository.
const resultsDir = "lab/compare/results"

// kept is the name of a report that documents show.
var kept = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}\.json$`)

// NewestResults returns the name of the newest report in the results of the repository.
func NewestResults(repo string) (string, error) {
	entries, err := os.ReadDir(filepath.Join(repo, resultsDir)) // sorted by name
	if err != nil {
		return "", err
	}
	newest := ""
	for _, e := range entries {
		if kept.MatchString(e.Name()) {
			newest = filepath.Join(repo, resultsDir, e.Name())
		}
	}
	if newest == "" {
		return "", fmt.Errorf("%s: no DATE.json", resultsDir)
	}
	return newest, nil
}

// Documents returns the documents of the repository that show tables of a report, as they
// should be, by their paths. name is the report's file in resultsDir, without .json. The table
// is between two comments: compare and the name of the table, and end compare.
func (r Report) Documents(repo, name string) (map[string]string, error) {
	link := func(from string) string {
		return from + resultsDir + "/" + filepath.Base(name)
	}
	all := make(map[string]string)
	for _, d := range []struct{ path, table, body string }{
		{"README.md", "speeds", r.speeds()},
		{"docs/performance.md", "results", r.results(link("../"))},
	} {
		path := filepath.Join(repo, d.path)
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if all[path], err = replaceTable(string(text), d.table, d.body); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return all, nil
}

// replaceTable returns text with another body between the comments of a table.
func replaceTable(text, table, body string) (string, error) {
	start, end := "<!-- compare "+table+" -->\n", "<!-- end compare -->\n"
	before, rest, ok := strings.Cut(text, start)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", fmt.Errorf("want the lines %q and %q", strings.TrimSpace(start), strings.TrimSpace(end))
	}
	return before + start + body + end + after, nil
}

// speeds returns the table of the README: some workloads, epoll, net and the fastest other Go
// server.
func (r Report) speeds() string {
	rows := [][]string{{"connections × size × in flight", "`epoll`", "`net`", "the fastest other Go server"}}
	for _, key := range []string{"50x64x1", "1000x64x1", "15000x64x1", "50x64x16", "10x65536x4", "churn", "udp-16x64x32"} {
		i := slices.IndexFunc(r.Results, func(result Result) bool { return result.Key() == key })
		if i < 0 {
			continue
		}
		result := r.Results[i]
		fastest := ""
		if name := result.fastestOther(); name != "" {
			fastest = name + ": " + result.short(name)
		}
		title := result.title()
		if result.generatorLimits(result.Servers[0].Name, epoll) != "" {
			title += " (" + limitIsGenerator + ")"
		}
		rows = append(rows, []string{title, result.short(epoll), result.short(EchodName("net")), fastest})
	}
	return table(rows)
}

// fastestOther returns the other Go server with the highest median, or "".
func (r Result) fastestOther() string {
	name, most := "", 0.0
	for _, c := range r.Comparisons {
		if c.Base == r.Servers[0].Name && !isC(c.Server) && !isEchod(c.Server) && c.Throughput.Median > most {
			name, most = c.Server, c.Throughput.Median
		}
	}
	return name
}

// short returns a server's throughput relative to the base with two decimals, or its memory.
func (r Result) short(name string) string {
	e, ok := r.server(name)
	c, compared := r.comparison(Versus{name, r.Servers[0].Name})
	switch {
	case !ok:
		return ""
	case e.Failure != "":
		return "failed"
	case len(e.IdleBytes) > 0:
		return fmt.Sprintf("%.0f", bytesInterval(e).Median)
	case !compared:
		return "not measured"
	}
	t := c.Throughput
	return fmt.Sprintf("%.2f (%.2f–%.2f)", t.Median, t.Low, t.High)
}

// title returns the row's name in a document.
func (r Result) title() string {
	switch {
	case r.Workload.Kind == Churn:
		return "a connection for each message"
	case r.Workload.Kind == Idle:
		return "bytes of user memory for an idle connection"
	default:
		return r.Name()
	}
}

// results returns the block of docs/performance.md. link is the path of the results from
// there, without an extension.
func (r Report) results(link string) string {
	columns := []struct{ head, name string }{
		{"C again", C + again}, {"echod epoll", epoll}, {"echod net", EchodName("net")}, {"io.Copy, ReadFrom", IOCopy},
		{"gnet", "gnet"}, {"nbio", "nbio"}, {"netpoll", "netpoll"}, {"evio", "evio"},
	}
	head := []string{"connections × size × in flight"}
	for _, column := range columns {
		head = append(head, column.head)
	}
	rows := [][]string{append(head, "goals")}
	for _, result := range r.Results {
		if result.Free || result.Workload.Kind == Trains {
			continue
		}
		row := []string{result.title()}
		for _, column := range columns {
			name := column.name
			if name == IOCopy && result.Workload.isUDP() {
				name = ReadFrom
			}
			row = append(row, result.short(name))
		}
		rows = append(rows, append(row, result.goalSummary()))
	}
	e := r.Environment
	return table(rows) + fmt.Sprintf("\nMeasured on %s: %s, %d processors, Linux %s, %s, echod %s. [The results](%s.md) have the "+
		"verdict on each goal, the CPU time, trains of datagrams, two loops, and how many slices were thrown away.\n\n"+
		"![Throughput and CPU time of each server, as ratios to C with their intervals](%s.svg)\n",
		r.Date.Format("2006-01-02"), e.Processor, e.Processors, e.Kernel, e.Go, e.Commit, link, link)
}

// limitedVerdict stands for goals that are not told apart because the generator is the limit.
const limitedVerdict = NotApart + ", " + limitIsGenerator

// goalSummary returns the goals of a case that are not met.
func (r Result) goalSummary() string {
	if why := r.CannotTell(); why != "" {
		return "no verdict: " + why
	}
	by := map[Verdict][]string{}
	for _, c := range r.Checks() {
		name := strings.TrimPrefix(c.Goal.Server, "echod ")
		if c.Goal.Base != "" {
			name += "/" + strings.TrimPrefix(c.Goal.Base, "net ")
		}
		if c.Goal.P99 > 0 {
			name = "p99 of " + name
		}
		verdict := c.Verdict
		if strings.HasPrefix(c.Why, limitIsGenerator) {
			verdict = limitedVerdict
		}
		by[verdict] = append(by[verdict], name)
	}
	var all []string
	for _, v := range []Verdict{Failed, Missed, NotApart, limitedVerdict} {
		if len(by[v]) > 0 {
			all = append(all, string(v)+": "+strings.Join(by[v], ", "))
		}
	}
	if len(all) == 0 {
		return "met"
	}
	return strings.Join(all, "; ")
}

// table returns a table in Markdown. The first row is the head.
func table(rows [][]string) string {
	var b strings.Builder
	for i, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			b.WriteString("|" + strings.Repeat("---|", len(row)) + "\n")
		}
	}
	return b.String()
}
