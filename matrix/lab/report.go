package lab

import "net"

// Report is what check said about one setup.
type Report struct {
	Raw     []byte   `json:"-"` // its words
	Results []Result `json:"results"`
}

// Result is what it said about one rule.
type Result struct {
	Rule    string `json:"rule"`
	Verdict string `json:"verdict"`
	Class   string `json:"class,omitempty"`
	Detail  string `json:"detail,omitempty"`

	Plain *Confirmation `json:"-"` // of a failure, what plain sockets say; nil if they were not asked
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

// confirm puts what failed to plain sockets.
func (r *Report) confirm(address string, far *net.TCPListener) {
	for i, result := range r.Results {
		if result.Verdict != "fail" {
			continue
		}
		if c, ok := plain(result.Rule, address, far); ok {
			r.Results[i].Plain = &c
		}
	}
}
