package report

import (
	"encoding/json"
	"io"

	"echod/internal/load"
)

// file is a result file: the result, and before it the figures, which a program would
// have to compute from the histograms otherwise, and the verdicts of the thresholds.
// [Read] ignores both.
type file struct {
	Format     string             `json:"format"`
	Figures    map[string]float64 `json:"figures"`
	Thresholds []Verdict          `json:"thresholds,omitempty"`
	*load.Result
}

// figuresOf returns the figures of a run by their keys.
func figuresOf(run Run) map[string]float64 {
	all := map[string]float64{}
	r := run.Result
	for _, f := range figures([]*load.Result{r}, run.Percentiles) {
		if v, ok := f.of(r); ok {
			all[f.key] = v
		}
	}
	return all
}

// ReportFormat is the format of a file with several results.
const ReportFormat = "echod-report/1"

// WriteJSON writes everything that is known of runs, so that they can be reported
// again, added up and compared. One run is written as a result file, which [Read]
// reads. Several are written as a list of result files with names.
func WriteJSON(w io.Writer, runs []Run) error {
	if len(runs) == 1 {
		return encode(w, fileOf(runs[0]))
	}
	type named struct {
		Name string `json:"name"`
		file
	}
	all := struct {
		Format string  `json:"format"`
		Runs   []named `json:"runs"`
	}{Format: ReportFormat}
	for _, run := range runs {
		all.Runs = append(all.Runs, named{run.Name, fileOf(run)})
	}
	return encode(w, all)
}

func fileOf(run Run) file {
	return file{run.Result.Format, figuresOf(run), run.Verdicts, run.Result}
}

func encode(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(v)
}
