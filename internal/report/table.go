package report

import "echod/internal/load"

// cell is one place in the table of figures.
type cell struct {
	Text string
	Bad  bool
}

// table is what all runs were found to be: a row for each figure that any of them
// has, its label first. Several runs have their names above them, and after the
// second and each further one a column of multiples of the first.
func table(runs []Run) [][]cell {
	results := make([]*load.Result, len(runs))
	for i, run := range runs {
		results[i] = run.Result
	}
	var rows [][]cell
	if len(runs) > 1 {
		rows = append(rows, heading(runs))
	}
	for _, f := range figures(results) {
		if row := f.row(results); row != nil {
			rows = append(rows, row)
		}
	}
	return rows
}

func heading(runs []Run) []cell {
	row := []cell{{}}
	for i, run := range runs {
		row = append(row, cell{Text: run.Name})
		if i > 0 {
			row = append(row, cell{})
		}
	}
	return row
}

// row is nil if no result has the figure.
func (f figure) row(results []*load.Result) []cell {
	row, known := []cell{{Text: f.label}}, false
	first, comparable := f.of(results[0])
	for i, r := range results {
		v, ok := f.of(r)
		known = known || ok
		if !ok {
			row = append(row, cell{Text: "-"})
		} else {
			row = append(row, cell{f.text(v), f.bad && v != 0})
		}
		if i > 0 && ok && comparable && first != 0 {
			row = append(row, cell{Text: ratio(v / first)})
		} else if i > 0 {
			row = append(row, cell{})
		}
	}
	if !known {
		return nil
	}
	return row
}
