package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"echod/internal/watch"
)

// Watch collects the metrics of a watch. Snapshot is called from any goroutine.
func Watch(snapshot func() watch.Snapshot) prometheus.Collector {
	return collector[watch.Snapshot]{snapshot, []metric[watch.Snapshot]{
		gauge("echod_watch_addresses", "Addresses that the target has now.", []string{"target"},
			forTarget(func(t *watch.TargetSnapshot) float64 { return float64(len(t.Addresses)) })),
		counter("echod_watch_resolve_failures_total", "Failed look-ups of the target's name, by network and reason.", []string{"target", "network", "reason"}, failedLookups),

		counter("echod_watch_probes_sent_total", "Probes that were answered or lost.", byAddress(),
			forAddress(func(a *watch.AddressSnapshot, emit emit) { emit(float64(a.Sent)) })),
		counter("echod_watch_probes_received_total", "Probes answered correctly and in time.", byAddress(),
			forAddress(func(a *watch.AddressSnapshot, emit emit) { emit(float64(a.Received)) })),
		counter("echod_watch_probes_lost_total", "Probes not answered correctly and in time, by class.", byAddress("class"),
			forAddress(func(a *watch.AddressSnapshot, emit emit) {
				for _, class := range watch.Classes() {
					emit(float64(a.Lost[class]), string(class))
				}
			})),
		gauge("echod_watch_up", "1 if the address answers, 0 after --down-after lost probes in a row. Absent until one of them is known.", byAddress(),
			forAddress(func(a *watch.AddressSnapshot, emit emit) {
				if a.Known {
					emit(truth(a.Up))
				}
			})),
		gauge("echod_watch_address_resolved", "1 if the last answer of the resolver has the address, 0 while it is kept without that.", byAddress(),
			forAddress(func(a *watch.AddressSnapshot, emit emit) { emit(truth(a.Resolved)) })),
		{prometheus.NewDesc("echod_watch_rtt_seconds", "Round trips, from the first byte sent to the last byte received.", byAddress(), nil), roundTrips},
	}}
}

// byAddress returns the labels target and address, and other labels after them.
func byAddress(others ...string) []string { return append([]string{"target", "address"}, others...) }

func forTarget(of func(*watch.TargetSnapshot) float64) func(*watch.Snapshot, emit) {
	return func(s *watch.Snapshot, emit emit) {
		for _, t := range s.Targets {
			emit(of(&t), t.URL)
		}
	}
}

func forAddress(of func(*watch.AddressSnapshot, emit)) func(*watch.Snapshot, emit) {
	return func(s *watch.Snapshot, emit emit) {
		for _, t := range s.Targets {
			for _, a := range t.Addresses {
				of(&a, func(v float64, labels ...string) { emit(v, append([]string{t.URL, a.Address}, labels...)...) })
			}
		}
	}
}

// failedLookups emits the failed look-ups of each target.
func failedLookups(s *watch.Snapshot, emit emit) {
	for _, t := range s.Targets {
		for _, f := range watch.Failures() {
			emit(float64(t.Failures[f]), t.URL, f.Network, f.Reason)
		}
	}
}

// roundTrips collects a histogram for each address.
func roundTrips(s *watch.Snapshot, desc *prometheus.Desc, to chan<- prometheus.Metric) {
	for _, t := range s.Targets {
		for _, a := range t.Addresses {
			below, all := map[float64]uint64{}, uint64(0) // below: how many were no longer than each bound
			for i, bound := range watch.Bounds {
				all += a.Times.Counts[i]
				below[bound.Seconds()] = all
			}
			all += a.Times.Counts[len(watch.Bounds)]
			to <- prometheus.MustNewConstHistogram(desc, all, a.Times.Sum.Seconds(), below, t.URL, a.Address)
		}
	}
}
