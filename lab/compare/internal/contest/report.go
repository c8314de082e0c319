package contest

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Report is everything that a run has to tell: the raw samples, from which the
// tables and the picture are made, and another reading of them can be later.
type Report struct {
	Date        time.Time   `json:"date"`
	Environment Environment `json:"environment"`
	Warmup      float64     `json:"warmup_seconds"`
	Seconds     float64     `json:"seconds"` // of each sample, of which a contender has two a round
	Results     []Result    `json:"results"`
}

// Save writes the report to a file as JSON.
func (r Report) Save(name string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644)
}

// Open reads a report that Save wrote.
func Open(name string) (Report, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return Report{}, err
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		return Report{}, fmt.Errorf("read %s: %w", name, err)
	}
	return r, nil
}

// Claims are those of all results.
func (r Report) Claims() []Claim {
	var all []Claim
	for _, result := range r.Results {
		all = append(all, result.Claims()...)
	}
	return all
}
