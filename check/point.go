package check

import (
	"strconv"
	"time"
)

// point is one rule as the formats of test reports have it.
type point struct {
	rule    string
	verdict Verdict
	class   Class
	message string // in a few words
	rows    []row  // in full
	elapsed time.Duration
}

func (r *Report) points() []point {
	points := make([]point, 0, len(r.Results))
	for _, result := range r.Results {
		points = append(points, point{
			rule: result.Rule, verdict: result.Verdict, class: result.Class,
			message: result.brief(), rows: r.rows(result), elapsed: result.Elapsed,
		})
	}
	return points
}

// properties are what the whole report has to say of how it came about.
func (r *Report) properties() []row {
	rows := []row{{"target", r.Target.String()}, {"seed", strconv.FormatUint(r.Seed(), 10)}}
	if r.Echod != "" {
		rows = append(rows, row{"echod", r.Echod})
	}
	return rows
}
