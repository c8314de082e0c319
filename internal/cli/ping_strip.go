package cli

import (
	"sync"
	"time"

	"echod/internal/dial"
	"echod/internal/ping"
	"echod/internal/report"
)

// stripTerminal is a ping on a terminal: strips of the last probes, which are drawn again and
// again, and above them, as text, what a strip does not show.
type stripTerminal struct {
	report.Ping // writes above the strips
	status      *status
	strip       *report.PingStrip
	changed     bool // since the strips were drawn
}

// newStripTerminal returns nil if standard output is not such a terminal.
func newStripTerminal(p *Process, targets []report.PingTarget, timestamps bool) *stripTerminal {
	status := statusOn(p, p.Stdout)
	if status.w == nil {
		return nil
	}
	return &stripTerminal{
		Ping:   report.PingText(asideWriter{status}, targets, colorful(p), timestamps),
		status: status, strip: report.NewPingStrip(targets, colorful(p)),
	}
}

// asideWriter writes whole lines above a status.
type asideWriter struct{ *status }

func (w asideWriter) Write(lines []byte) (n int, err error) {
	w.aside(func() { n, err = w.w.Write(lines) })
	return n, err
}

func (t *stripTerminal) Probe(target int, p ping.Probe) error {
	t.strip.Probe(target, p)
	t.changed = true
	if p.Fate == ping.Foreign || p.Class == dial.Corrupt {
		return t.Ping.Probe(target, p)
	}
	return nil
}

func (t *stripTerminal) Pause(target int, p ping.Pause) error {
	t.strip.Pause(target, p)
	t.changed = true
	if p.For < ping.LongPause {
		return nil
	}
	return t.Ping.Pause(target, p)
}

// End leaves the strips on the screen.
func (t *stripTerminal) End(results []report.PingResult) error {
	t.draw()
	t.status.lines = nil
	return t.Ping.End(results)
}

// draw draws the strips for the size that the terminal has now.
func (t *stripTerminal) draw() {
	t.status.show(func(columns int) []string { return t.strip.Lines(columns, t.status.size().rows-1) })
	t.changed = false
}

// stripInterval is the time between two drawings.
const stripInterval = 100 * time.Millisecond

// drawUntil draws what has changed until stop is called. It holds mu then.
func (t *stripTerminal) drawUntil(mu *sync.Mutex) (stop func()) {
	ticker, stopped := time.NewTicker(stripInterval), make(chan struct{})
	var drawer sync.WaitGroup
	drawer.Go(func() {
		for {
			select {
			case <-ticker.C:
				mu.Lock()
				if t.changed {
					t.draw()
				}
				mu.Unlock()
			case <-stopped:
				return
			}
		}
	})
	return func() {
		ticker.Stop()
		close(stopped)
		drawer.Wait()
	}
}
