package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
)

// The template, the style and the script of the page, which loads nothing else.
var (
	//go:embed page/page.html
	pageHTML string
	//go:embed page/page.css
	pageCSS string
	//go:embed page/page.js
	pageJS string
)

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"class": lineClass}).Parse(pageHTML))

// page is the input of the template. Texts from a file are plain strings in it, which the
// template escapes.
type page struct {
	Title   string
	Policy  string
	Style   template.CSS
	Script  template.JS
	Lead    string // the result in words; "": the figures come first
	Origins []origin
	Charts  []chart

	TableTitle string
	Table      [][]cell
	Heading    bool     // the first row of the table has the names of its columns
	Addresses  [][]cell // of a single run whose addresses are told apart
}

// newPage returns a page with its style and script.
func newPage(title string) page {
	return page{
		Title:  title,
		Policy: fmt.Sprintf("default-src 'none'; style-src %s; script-src %s", digest(pageCSS), digest(pageJS)),
		Style:  template.CSS(pageCSS), Script: template.JS(pageJS),
	}
}

// WriteHTML writes one run, or several in the same charts, as a self-contained page.
func WriteHTML(w io.Writer, runs []Run) error {
	p := newPage(title(runs))
	p.Charts = charts(runs)
	p.TableTitle, p.Table, p.Heading = "Figures", table(runs), len(runs) > 1
	if len(runs) == 1 {
		p.Addresses = addressTable(runs[0].Result)
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

// digest returns the hash by which a Content-Security-Policy allows a style or a script
// (CSP3, section 2.3.1).
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Several reports whether there is more than one run.
func (p page) Several() bool { return len(p.Origins) > 1 }

// Head reports whether a row of the table has the names of its columns.
func (p page) Head(row int) bool { return row == 0 && p.Heading }

// Readable returns the points of all lines, for the script.
func (c chart) Readable() [][]point {
	var all [][]point
	for _, l := range c.Lines {
		all = append(all, l.Points)
	}
	return all
}
