// Package metrics exports the snapshots of a service, an agent or a watch to Prometheus.
// A collector takes a snapshot when it is scraped and counts nothing itself, so scrapes
// cost the event loops nothing.
//
// Names follow prometheus.io/docs/practices/naming. docs/metrics.md lists them all.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"echod/internal/certs"
	"echod/internal/oplog"
)

// Build identifies the echod that runs.
type Build struct{ Version, Revision, Go string }

// NewRegistry returns a registry of the collectors, the build, and what Go and the
// operating system know of the process. It panics if two collectors have a metric of
// the same name.
func NewRegistry(b Build, all ...prometheus.Collector) *prometheus.Registry {
	r := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "echod_build_info",
		Help:        "Always 1. The labels identify the build.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Revision, "goversion": b.Go},
	})
	info.Set(1)
	r.MustRegister(info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r.MustRegister(all...)
	return r
}

// Handler answers a scrape.
func Handler(r *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// collector collects metrics from snapshots.
type collector[S any] struct {
	snapshot func() S
	metrics  []metric[S]
}

// metric is one metric of a snapshot: what it is and how it is read.
type metric[S any] struct {
	desc    *prometheus.Desc
	collect func(s *S, desc *prometheus.Desc, to chan<- prometheus.Metric)
}

// emit sends a value of a metric, with a value for each of its labels.
type emit func(v float64, labels ...string)

func counter[S any](name, help string, labels []string, read func(*S, emit)) metric[S] {
	return constMetric(prometheus.CounterValue, name, help, labels, read)
}

func gauge[S any](name, help string, labels []string, read func(*S, emit)) metric[S] {
	return constMetric(prometheus.GaugeValue, name, help, labels, read)
}

func constMetric[S any](kind prometheus.ValueType, name, help string, labels []string, read func(*S, emit)) metric[S] {
	return metric[S]{prometheus.NewDesc(name, help, labels, nil), func(s *S, desc *prometheus.Desc, to chan<- prometheus.Metric) {
		read(s, func(v float64, labels ...string) { to <- prometheus.MustNewConstMetric(desc, kind, v, labels...) })
	}}
}

func (c collector[S]) Describe(to chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		to <- m.desc
	}
}

// Collect takes one snapshot, so that the metrics of a scrape belong together.
func (c collector[S]) Collect(to chan<- prometheus.Metric) {
	s := c.snapshot()
	for _, m := range c.metrics {
		m.collect(&s, m.desc, to)
	}
}

// truth returns 1 for true, 0 for false.
func truth(v bool) float64 {
	if v {
		return 1
	}
	return 0
}

// Log collects the metrics of a log. Counts is called from any goroutine.
func Log(counts func() oplog.Counts) prometheus.Collector {
	return collector[oplog.Counts]{counts, []metric[oplog.Counts]{
		counter("echod_log_lines_written_total", "Log lines written.", nil,
			func(c *oplog.Counts, emit emit) { emit(float64(c.Written)) }),
		counter("echod_log_lines_dropped_total", "Log lines dropped because standard error was not read or could not be written.", nil,
			func(c *oplog.Counts, emit emit) { emit(float64(c.Dropped)) }),
		counter("echod_log_lines_suppressed_total", "Log lines suppressed because there were too many of their kind.", nil,
			func(c *oplog.Counts, emit emit) { emit(float64(c.Suppressed)) }),
	}}
}

// TLS collects the metrics of a certificate. Status is called from any goroutine.
func TLS(status func() certs.Status) prometheus.Collector {
	return collector[certs.Status]{status, []metric[certs.Status]{
		gauge("echod_tls_certificate_expiry_timestamp_seconds", "When the certificate in use expires, in Unix time.", nil,
			func(s *certs.Status, emit emit) { emit(float64(s.NotAfter.Unix())) }),
		counter("echod_tls_reloads_total", "Reloads of the certificate: ok if it was replaced, failed if the old one was kept.", []string{"result"},
			func(s *certs.Status, emit emit) { emit(float64(s.Reloads), "ok"); emit(float64(s.Failures), "failed") }),
	}}
}
