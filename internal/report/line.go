package report

import (
	"fmt"
	"strings"
	"time"

	"echod/internal/load"
)

// Line is a result in one line, for where the report itself goes elsewhere.
func Line(r *load.Result) string {
	var words []string
	for _, f := range figures([]*load.Result{r}) {
		if v, ok := f.of(r); ok && lineFigures[f.key] != "" {
			words = append(words, fmt.Sprintf(lineFigures[f.key], f.text(v)))
		}
	}
	words = append(words, count(int(errorsOf(r)), "error", "errors"))
	return r.Plan.URL + ": " + strings.Join(words, ", ")
}

// lineFigures are those that Line tells before the errors, with the words around each.
var lineFigures = map[string]string{
	"messages_per_second": "%s",
	"latency_p50_seconds": "p50 %s",
	"latency_p99_seconds": "p99 %s",
	"latency_max_seconds": "max %s",
	"lost_ratio":          "%s lost",
}

// Warnings are what must be known before a result's figures are believed, each
// in one line; none if nothing is wrong with them.
func Warnings(r *load.Result) []string { return warnings(r) }

// Rate writes messages a second as reports do.
func Rate(perSecond float64) string { return rate(perSecond) }

// Duration writes d as reports do.
func Duration(d time.Duration) string { return seconds(d.Seconds()) }

// Percent writes a part of one as reports do.
func Percent(part float64) string { return percent(part) }
