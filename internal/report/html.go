package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
)

// The page, apart from what is in it. Style and script are its own: it asks
// nobody for anything.
var (
	//go:embed page/page.html
	pageHTML string
	//go:embed page/page.css
	pageCSS string
	//go:embed page/page.js
	pageJS string
)

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"class": lineClass}).Parse(pageHTML))

// page is what the template is filled with. What came from a file is a plain
// string in it, which the template escapes.
type page struct {
	Title   string
	Policy  string
	Style   template.CSS
	Script  template.JS
	Origins []origin
	Charts  []chart
	Table   [][]cell
}

// WriteHTML writes one run, or several over one another, as a file for a browser
// that needs nothing but itself.
func WriteHTML(w io.Writer, runs []Run) error {
	p := page{
		Title:  title(runs),
		Policy: fmt.Sprintf("default-src 'none'; style-src %s; script-src %s", digest(pageCSS), digest(pageJS)),
		Style:  template.CSS(pageCSS), Script: template.JS(pageJS),
		Charts: charts(runs), Table: table(runs),
	}
	for _, run := range runs {
		p.Origins = append(p.Origins, originOf(run))
	}
	return pageTemplate.Execute(w, p)
}

func title(runs []Run) string {
	if len(runs) == 1 {
		return runs[0].Result.Plan.URL
	}
	return count(len(runs), "run", "runs") + " compared"
}

// digest is what a Content-Security-Policy calls a style or a script by (CSP3,
// section 2.3.1), so that no other one runs.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Several reports whether there is more than one run.
func (p page) Several() bool { return len(p.Origins) > 1 }

// Head reports whether a row of the table holds the names of runs.
func (p page) Head(row int) bool { return row == 0 && p.Several() }

// Readable are the points of all lines, for the script.
func (c chart) Readable() [][]point {
	var all [][]point
	for _, l := range c.Lines {
		all = append(all, l.Points)
	}
	return all
}
