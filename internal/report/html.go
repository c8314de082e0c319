package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
)

// The templates, the style and the script of the page, which loads nothing else.
var (
	//go:embed page/head.html
	headHTML string // of every page
	//go:embed page/page.html
	pageHTML string
	//go:embed page/page.css
	pageCSS string
	//go:embed page/page.js
	pageJS string
)

var pageTemplate = newTemplate("page", pageHTML)

// newTemplate returns the template of a page. Its input has the fields of the head: Title, Policy and
// Style.
func newTemplate(name, text string) *template.Template {
	return template.Must(template.Must(template.New(name).Parse(headHTML)).Parse(text))
}

// page is the input of the template. Texts from a file are plain strings in it, which the
// template escapes.
type page struct {
	Kind     string // which command
	Title    string
	Foot     string // what the numbers are
	Policy   string
	Style    template.CSS
	Script   template.JS
	Lead     string // the result in words
	Warning  string // about all origins
	Last     bool   // the origins are below the charts
	Origins  []origin
	Swatches []line      // one for each origin; nil if there is only one
	Above    []pageTable // above the charts
	Charts   []chart
	Below    []pageTable // below the charts
}

// pageTable is a table with its title. The first cell of each row is its name.
type pageTable struct {
	Title   string
	Rows    [][]cell
	Heading bool   // the first row has the names of the columns
	Folded  bool   // its rows are shown on demand
	Note    string // what is not obvious
}

// newPage returns a page with its style and script.
func newPage(title string) page {
	return page{
		Kind: "echod bench", Title: title,
		Foot:   "Latency is the time from sending a message to receiving its last byte. With a rate (open loop), it starts at the time for which the message was scheduled.",
		Policy: fmt.Sprintf("default-src 'none'; style-src %s; script-src %s", digest(pageCSS), digest(pageJS)),
		Style:  template.CSS(pageCSS), Script: template.JS(pageJS),
	}
}

// WriteHTML writes one run, or several in the same charts, as a self-contained page.
func WriteHTML(w io.Writer, runs []Run) error {
	p := newPage(title(runs))
	p.Charts = charts(runs)
	for i, run := range runs {
		p.Origins = append(p.Origins, originOf(run))
		if len(runs) > 1 {
			p.Swatches = append(p.Swatches, line{Class: lineClass(i)})
		}
	}
	figures := pageTable{Title: "Figures", Rows: table(runs)}
	if len(runs) > 1 {
		figures.Heading, figures.Note = true, "× is the multiple of "+runs[0].Name+"."
	}
	p.Above = []pageTable{figures}
	if rows := addressTable(runs[0].Result); len(runs) == 1 && rows != nil {
		p.Above = append(p.Above, pageTable{Title: "Addresses", Rows: rows, Heading: true})
	}
	if workers, ok := workerPage(runs[0].Result); len(runs) == 1 && ok {
		p.Above = append(p.Above, workers)
	}
	return pageTemplate.Execute(w, p)
}

func title(runs []Run) string {
	if len(runs) == 1 {
		return runs[0].Result.Plan.URL
	}
	return count(len(runs), "run", "runs") + " compared"
}

// digest returns the hash by which a Content-Security-Policy allows a style or a script
// (CSP3, section 2.3.1).
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Head reports whether a row has the names of the columns.
func (t pageTable) Head(row int) bool { return row == 0 && t.Heading }

// Readable returns the points of all lines, for the script.
func (c chart) Readable() [][]point {
	var all [][]point
	for _, l := range c.Lines {
		all = append(all, l.Points)
	}
	return all
}
