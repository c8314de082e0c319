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

func encode(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(v)
}
