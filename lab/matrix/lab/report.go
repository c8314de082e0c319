package lab

import (
	"context"
	"net"
)

// Report is the result of check for one setup.
type Report struct {
	Raw     []byte   // the JSON
	Results []Result // through the program, or of the program if it is a server
	Direct  []Result // without the program
}

// Result is the result of one rule.
type Result struct {
	Rule    string
	Verdict string
	Class   string
	Detail  string

	Plain *Confirmation `json:"-"` // the experiment for a rule that failed, or nil
}

// Find returns the result of a rule.
func (r *Report) Find(rule string) (Result, bool) {
	for _, result := range r.Results {
		if result.Rule == rule {
			return result, true
		}
	}
	return Result{}, false
}

// Count returns the number of results with this verdict.
func (r *Report) Count(verdict string) int {
	n := 0
	for _, result := range r.Results {
		if result.Verdict == verdict {
			n++
		}
	}
	return n
}

// confirm makes an experiment with plain sockets for each rule that failed, until ctx is
// canceled. concurrency goes first, because other experiments can leave connections that
// delay it.
func (r *Report) confirm(ctx context.Context, through path, server *net.TCPListener) {
	r.confirmIf(ctx, through, server, func(rule string) bool { return rule == "stream/concurrency" })
	r.confirmIf(ctx, through, server, func(rule string) bool { return rule != "stream/concurrency" })
}

func (r *Report) confirmIf(ctx context.Context, through path, server *net.TCPListener, chosen func(rule string) bool) {
	for i, result := range r.Results {
		if result.Verdict != "fail" || !chosen(result.Rule) || ctx.Err() != nil {
			continue
		}
		if c, ok := plain(result.Rule, through, server); ok {
			r.Results[i].Plain = &c
		}
	}
}
