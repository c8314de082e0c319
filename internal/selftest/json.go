package selftest

import (
	"encoding/json"
	"io"

	"echod/check"
)

type matrixJSON struct {
	Schema  int           `json:"schema"`
	Echod   string        `json:"echod,omitempty"`
	Seed    uint64        `json:"seed"`
	Verdict check.Verdict `json:"verdict"`
	Summary string        `json:"summary"`
	Elapsed float64       `json:"elapsed_seconds"`
	Columns []columnJSON  `json:"columns"`
	Absent  []absentJSON  `json:"absent,omitempty"`
}

type columnJSON struct {
	Engine  string        `json:"engine"`
	Network string        `json:"network"`
	Error   string        `json:"error,omitempty"`
	Report  *check.Report `json:"report,omitempty"`
}

type absentJSON struct {
	Engine string `json:"engine"`
	Reason string `json:"reason"`
}

// WriteJSON writes the matrix for programs: each column with its report in full.
// docs/report.md describes it.
func (m *Matrix) WriteJSON(w io.Writer) error {
	document := matrixJSON{
		Schema: check.Schema, Echod: m.Echod, Seed: m.Seed,
		Verdict: m.Verdict(), Summary: m.Summary(), Elapsed: m.Elapsed.Seconds(), Columns: []columnJSON{},
	}
	for _, c := range m.Columns {
		column := columnJSON{Engine: c.Engine, Network: c.Network, Report: c.Report}
		if c.Err != nil {
			column.Error = c.Err.Error()
		}
		document.Columns = append(document.Columns, column)
	}
	for _, a := range m.Absent {
		document.Absent = append(document.Absent, absentJSON{a.Engine, a.Reason.Error()})
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(document)
}
