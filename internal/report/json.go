package report

import (
	"encoding/json"
	"io"

	"echod/internal/load"
)

// file is a result file: the result, and before its long lists the figures that
// a program would otherwise have to make of its histograms, and what became of
// the thresholds. [Read] passes over both.
type file struct {
	Format     string             `json:"format"`
	Figures    map[string]float64 `json:"figures"`
	Thresholds []Verdict          `json:"thresholds,omitempty"`
	*load.Result
}

// Verdict is what became of a threshold that somebody set.
type Verdict struct {
	Threshold string `json:"threshold"` // as it was given
	Met       bool   `json:"met"`
	Value     string `json:"value"` // that the figure has, for people: with its unit, or "not measured"
}

// WriteJSON writes the result file of r: everything that is known of it, so that
// it can be reported again, added up and compared. The thresholds are not the
// result's own, so whoever writes it says what became of them.
func WriteJSON(w io.Writer, r *load.Result, thresholds ...Verdict) error {
	return encode(w, file{r.Format, figuresOf(r), thresholds, r})
}

// figuresOf are the figures of r by their keys.
func figuresOf(r *load.Result) map[string]float64 {
	all := map[string]float64{}
	for _, f := range figures([]*load.Result{r}) {
		if v, ok := f.of(r); ok {
			all[f.key] = v
		}
	}
	return all
}

// ReportFormat is what several results in one file say of themselves.
const ReportFormat = "echod-report/1"

// CompareJSON writes the results of several runs, each as its own file holds it,
// and its name.
func CompareJSON(w io.Writer, runs []Run) error {
	type named struct {
		Name string `json:"name"`
		file
	}
	all := struct {
		Format string  `json:"format"`
		Runs   []named `json:"runs"`
	}{Format: ReportFormat}
	for _, run := range runs {
		all.Runs = append(all.Runs, named{run.Name, file{run.Result.Format, figuresOf(run.Result), nil, run.Result}})
	}
	return encode(w, all)
}

func encode(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(v)
}
