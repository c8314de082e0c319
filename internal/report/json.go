package report

import (
	"encoding/json"
	"io"

	"echod/internal/load"
)

// file is a result file: the result, and before its long lists the figures that
// a program would otherwise have to make of its histograms. [Read] passes over
// them.
type file struct {
	Format  string             `json:"format"`
	Figures map[string]float64 `json:"figures"`
	*load.Result
}

// WriteJSON writes the result file of r: everything that is known of it, so that
// it can be reported again, added up and compared.
func WriteJSON(w io.Writer, r *load.Result) error {
	return encode(w, file{r.Format, figuresOf(r), r})
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
		all.Runs = append(all.Runs, named{run.Name, file{run.Result.Format, figuresOf(run.Result), run.Result}})
	}
	return encode(w, all)
}

func encode(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(v)
}
