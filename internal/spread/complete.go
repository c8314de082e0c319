package spread

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"echod/internal/load"
	"echod/internal/report"
)

// complete has one verified result for each share of a plan. Only completeOf makes one, so there is
// no sum in which a worker is missing.
type complete struct {
	whole load.Plan
	parts []measured
}

// completeOf returns an error unless each share has its result.
func completeOf(whole load.Plan, shares []load.Plan, parts []measured) (complete, error) {
	if len(parts) != len(shares) || len(shares) == 0 {
		return complete{}, fmt.Errorf("%d results of %d workers", len(parts), len(shares))
	}
	for i, part := range parts {
		if part.Result == nil || part.Plan.Seed != shares[i].Seed {
			return complete{}, fmt.Errorf("worker %d of %d has no result", i+1, len(shares))
		}
	}
	return complete{whole, parts}, nil
}

// merge adds up all results. Nothing is lost: the histograms are those of all messages.
func (c complete) merge() (*load.Result, error) {
	var runs []report.Run
	for _, part := range c.parts {
		runs = append(runs, report.Run{Name: part.worker, Result: part.Result})
	}
	if len(runs) == 0 {
		return nil, errors.New("no results to merge")
	}
	sum, err := report.MergeStarted(runs)
	if err != nil {
		return nil, err
	}
	want, errWant := json.Marshal(c.whole)
	got, errGot := json.Marshal(sum.Plan)
	if errWant != nil || errGot != nil || !bytes.Equal(want, got) {
		return nil, fmt.Errorf("bench has divided the plan wrongly, which is a bug: the shares add up to %s, not to %s", got, want)
	}
	for i, part := range c.parts {
		sum.Parts[i].Worker, sum.Parts[i].Begun = part.worker, &part.begun
	}
	return sum, nil
}
