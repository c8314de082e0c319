package cli

import (
	"slices"

	"echod/internal/page"
	"echod/internal/watch"
)

// watchPage is the page of a watch.
func watchPage(w *watch.Watcher) page.Config {
	return page.Config{Name: "echod watch", Matrix: func() *page.Matrix { return matrixOf(w.Snapshot()) }}
}

// matrixOf is a snapshot in the page's words.
func matrixOf(snap watch.Snapshot) *page.Matrix {
	m := &page.Matrix{}
	for _, t := range snap.Targets {
		target := page.Target{URL: t.URL, Problem: t.Problem}
		for _, a := range t.Addresses {
			target.Addresses = append(target.Addresses, addressOf(a))
		}
		m.Targets = append(m.Targets, target)
	}
	return m
}

func addressOf(a watch.AddressSnapshot) page.Address {
	p := page.Address{
		Addr: a.Address, Up: a.Up, Sent: a.Sent, Received: a.Received, Lost: a.LostTotal(),
		Last: a.Last, Class: string(a.Class), Failed: a.Failed,
	}
	if len(a.Recent) > 0 {
		of := a.Quantiles(0.5, 0.99)
		p.P50, p.P99, p.Max = of[0], of[1], slices.Max(a.Recent)
	}
	for _, b := range a.History {
		p.History = append(p.History, page.Bucket{
			At: b.At, Span: watch.BucketSpan, Sent: b.Sent, Lost: b.Lost, Min: b.Min, Avg: b.Mean(), Max: b.Max,
		})
	}
	return p
}
