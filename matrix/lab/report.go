package lab

// Report is what check said about one setup.
type Report struct {
	Results []Result `json:"results"`
}

// Result is what it said about one rule.
type Result struct {
	Rule    string `json:"rule"`
	Verdict string `json:"verdict"`
	Class   string `json:"class,omitempty"`
	Detail  string `json:"detail,omitempty"`
}

// Find is the result of a rule.
func (r *Report) Find(rule string) (Result, bool) {
	for _, result := range r.Results {
		if result.Rule == rule {
			return result, true
		}
	}
	return Result{}, false
}

// Count tells how many results have this verdict.
func (r *Report) Count(verdict string) int {
	n := 0
	for _, result := range r.Results {
		if result.Verdict == verdict {
			n++
		}
	}
	return n
}
