package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Certificate is how the certificate of a service is doing.
type Certificate struct {
	NotAfter time.Time // when the one in use expires
	Reloads  uint64    // times that it was replaced
	Failures uint64    // times that a new one was bad and the old one kept
}

var (
	expiry  = gauge("echod_tls_certificate_expiry_timestamp_seconds", "When the certificate in use expires, in Unix time.")
	reloads = counter("echod_tls_reloads_total", "Times that the certificate was read anew: ok if it was replaced, failed if the old one was kept.", "result")
)

// certificate collects from what a certificate tells of itself.
type certificate struct{ now func() Certificate }

// TLS collects how a certificate is doing. now may be called from any goroutine.
func TLS(now func() Certificate) prometheus.Collector { return certificate{now} }

func (c certificate) Describe(to chan<- *prometheus.Desc) { describe(to, []family{expiry, reloads}) }

func (c certificate) Collect(to chan<- prometheus.Metric) {
	now := c.now()
	tell(to, expiry, now.NotAfter.Unix())
	tell(to, reloads, now.Reloads, "ok")
	tell(to, reloads, now.Failures, "failed")
}
