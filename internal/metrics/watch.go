package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"echod/internal/watch"
)

var (
	probesSent     = counter("echod_watch_probes_sent_total", "Probes that were answered or lost.", "target", "address")
	probesReceived = counter("echod_watch_probes_received_total", "Probes answered in time and rightly.", "target", "address")
	probesLost     = counter("echod_watch_probes_lost_total", "Probes not answered in time, or not rightly, by class.", "target", "address", "class")
	watchUp        = gauge("echod_watch_up", "1 if the address answers, 0 if --down-after probes in a row were lost.", "target", "address")
	watchAddresses = gauge("echod_watch_addresses", "Addresses that the target has now.", "target")
	resolveFailed  = counter("echod_watch_resolve_failures_total", "Look-ups of the target's name that failed.", "target")
	watchRTT       = prometheus.NewDesc("echod_watch_rtt_seconds", "Round trips, from the first byte sent until the last one was back.", []string{"target", "address"}, nil)
)

// watcher collects from snapshots of a watch.
type watcher struct{ snapshot func() watch.Snapshot }

// Watch collects how the targets of a watch are doing. snapshot may be called from
// any goroutine.
func Watch(snapshot func() watch.Snapshot) prometheus.Collector { return watcher{snapshot} }

func (w watcher) Describe(to chan<- *prometheus.Desc) {
	describe(to, []family{probesSent, probesReceived, probesLost, watchUp, watchAddresses, resolveFailed})
	to <- watchRTT
}

func (w watcher) Collect(to chan<- prometheus.Metric) {
	for _, t := range w.snapshot().Targets {
		tell(to, watchAddresses, len(t.Addresses), t.URL)
		tell(to, resolveFailed, t.Failures, t.URL)
		for _, a := range t.Addresses {
			probes(to, t.URL, &a)
		}
	}
}

// probes tells of one address. Whether it is up is not told before it is known.
func probes(to chan<- prometheus.Metric, target string, a *watch.AddressSnapshot) {
	tell(to, probesSent, a.Sent, target, a.Address)
	tell(to, probesReceived, a.Received, target, a.Address)
	for _, class := range watch.Classes() {
		tell(to, probesLost, a.Lost[class], target, a.Address, string(class))
	}
	if a.Known {
		tell(to, watchUp, truth(a.Up), target, a.Address)
	}
	below, all := cumulated(&a.Times)
	to <- prometheus.MustNewConstHistogram(watchRTT, all, a.Times.Sum.Seconds(), below, target, a.Address)
}

// cumulated is how many round trips did not exceed each bound, and how many there
// are.
func cumulated(times *watch.Times) (below map[float64]uint64, all uint64) {
	below = map[float64]uint64{}
	for i, bound := range watch.Bounds {
		all += times.Counts[i]
		below[bound.Seconds()] = all
	}
	return below, all + times.Counts[len(watch.Bounds)]
}
