// Package metrics tells Prometheus how an echod is doing. A collector takes a
// snapshot when it is asked and counts nothing itself, so that being scraped
// costs the loops nothing, and not being scraped neither.
//
// Names follow prometheus.io/docs/practices/naming; docs/metrics.md lists them
// all.
package metrics
