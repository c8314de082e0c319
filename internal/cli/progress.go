package cli

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"echod/check"
	"echod/internal/draw"
)

// progress shows on a terminal how far a check is: a row for each rule that has a result, and
// below them a line with the rules that run.
type progress struct {
	*status
	what  string // what is checked, e.g. "at tcp://127.0.0.1:7"
	color bool
	path  *check.Report // the result through the path, while the direct check runs; else nil

	mu      sync.Mutex // protects status and the fields below
	now     check.Progress
	started map[string]time.Time // when the rules that run started
	soFar   check.Report         // its results have rows
}

func newProgress(p *Process, what string) *progress {
	return &progress{status: newStatus(p), what: what, color: p.Getenv("NO_COLOR") == "", started: map[string]time.Time{}}
}

// showResult is show, and from then on there is a row for a new result.
func (p *progress) showResult(now check.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Result != nil {
		p.soFar.Results = append(p.soFar.Results, *now.Result)
	}
	p.update(now)
}

func (p *progress) show(now check.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.update(now)
}

// update shows now. p.mu is held.
func (p *progress) update(now check.Progress) {
	p.now = now
	for rule := range p.started {
		if !slices.Contains(now.Running, rule) {
			delete(p.started, rule)
		}
	}
	for _, rule := range now.Running {
		if _, known := p.started[rule]; !known {
			p.started[rule] = time.Now()
		}
	}
	p.status.show(p.screen)
}

// everySecond shows the progress again each second until stop is called, because nothing else does
// while a rule runs that takes long.
func (p *progress) everySecond() (stop func()) {
	if p.w == nil {
		return func() {}
	}
	ticker, done := time.NewTicker(time.Second), make(chan struct{})
	var ticks sync.WaitGroup
	ticks.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				p.mu.Lock()
				if p.now.Total > 0 {
					p.status.show(p.screen)
				}
				p.mu.Unlock()
			}
		}
	})
	return func() {
		ticker.Stop()
		close(done)
		ticks.Wait()
	}
}

// screen returns the rows and the line. Rows that the screen has no room for are omitted, first
// those that passed.
func (p *progress) screen(columns int) []string {
	var rows strings.Builder
	style := check.TextStyle{Color: p.color, Width: max(1, min(columns-1, maxWidth))}
	switch {
	case p.path != nil:
		check.Compare(p.path, &p.soFar).WriteSoFar(&rows, style)
	case len(p.soFar.Results) > 0:
		p.soFar.WriteSoFar(&rows, style)
	}
	lines := strings.Split(rows.String(), "\n") // the last one is empty
	lines[len(lines)-1] = p.line(columns - 1)
	over := len(lines) - max(1, p.size().rows-1)
	if over <= 0 {
		return lines
	}
	if p.path != nil && over < len(lines)-1 { // the first line says which column is which
		return append(lines[:1], lines[over+1:]...)
	}
	return lines[over:]
}

// line returns how many rules have a result, what is checked if there is room for that, and the
// rules that run.
func (p *progress) line(columns int) string {
	begin, running := fmt.Sprintf("%d of %d", p.now.Done, p.now.Total), ""
	if len(p.now.Running) > 0 {
		first := p.now.Running[0]
		running = ": " + andMore(p.now.Running)
		if d := time.Since(p.started[first]).Truncate(time.Second); d > 0 {
			running += ", " + draw.Brief(d)
		}
	}
	if line := begin + " " + p.what + running; width(line) <= columns {
		return line
	}
	return begin + running
}

// andMore is the first word and the number of the others.
func andMore(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return fmt.Sprintf("%s and %d more", words[0], len(words)-1)
}
