package lab

import (
	"context"
	"net"
)

// Report is what check said about one setup.
type Report struct {
	Raw     []byte   // its words
	Results []Result // through the program, or of the program that is the server
	Direct  []Result // without the program
}

// Result is what it said about one rule.
type Result struct {
	Rule    string
	Verdict string
	Class   string
	Detail  string

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

// confirm puts what failed to plain sockets, as far as ctx has time for it. The
// crowd goes first: it would be held up by connections that hang, as others leave
// them behind.
func (r *Report) confirm(ctx context.Context, through way, far *net.TCPListener) {
	r.confirmIf(ctx, through, far, func(rule string) bool { return rule == "stream/concurrency" })
	r.confirmIf(ctx, through, far, func(rule string) bool { return rule != "stream/concurrency" })
}

func (r *Report) confirmIf(ctx context.Context, through way, far *net.TCPListener, chosen func(rule string) bool) {
	for i, result := range r.Results {
		if result.Verdict != "fail" || !chosen(result.Rule) || ctx.Err() != nil {
			continue
		}
		if c, ok := plain(result.Rule, through, far); ok {
			r.Results[i].Plain = &c
		}
	}
}
