package metrics

import (
	"maps"

	"github.com/prometheus/client_golang/prometheus"

	"echod/internal/watch"
)

// Watch collects the metrics of a watch. Snapshot is called from any goroutine.
func Watch(snapshot func() watch.Snapshot) prometheus.Collector {
	return watchCollector{collector[watch.Snapshot]{snapshot, []metric[watch.Snapshot]{
		counter("echod_watch_target_list_errors_total", "New lists of targets that were invalid. The old one was kept.", nil,
			func(s *watch.Snapshot, emit emit) { emit(float64(s.RejectedLists)) }),
		counter("echod_watch_on_change_total", "Commands of --on-change, by result. A replaced one was not run, because its address had changed again.", []string{"result"},
			func(s *watch.Snapshot, emit emit) {
				for _, result := range watch.CallResults() {
					emit(float64(s.Calls[result]), result)
				}
			}),
		gauge("echod_watch_target_list_valid", "1 if the newest list of targets is in use, 0 if it is invalid and an old one is.", nil,
			func(s *watch.Snapshot, emit emit) { emit(truth(!s.Outdated)) }),
	}}}
}

// watchCollector also collects the metrics of each target. They have the labels of the
// target, which can change.
type watchCollector struct{ collector[watch.Snapshot] }

// Describe sends nothing, which means that the labels are not known in advance.
func (c watchCollector) Describe(chan<- *prometheus.Desc) {}

func (c watchCollector) Collect(to chan<- prometheus.Metric) {
	s := c.snapshot()
	for _, m := range c.metrics {
		m.collect(&s, m.desc, to)
	}
	for _, t := range s.Targets {
		labels := prometheus.Labels{"target": t.URL}
		maps.Copy(labels, t.Labels)
		for _, m := range targetMetrics {
			m.collect(&t, prometheus.NewDesc(m.name, m.help, m.labels, labels), to)
		}
	}
}

// targetMetric is one metric of a target: what it is and how it is read. Its labels are
// those besides the labels of the target.
type targetMetric struct {
	name, help string
	labels     []string
	collect    func(t *watch.TargetSnapshot, desc *prometheus.Desc, to chan<- prometheus.Metric)
}

var targetMetrics = []targetMetric{
	{"echod_watch_addresses", "Addresses of the target that are monitored now.", nil,
		ofTarget(prometheus.GaugeValue, func(t *watch.TargetSnapshot, emit emit) { emit(float64(len(t.Addresses))) })},
	{"echod_watch_resolve_failures_total", "Failed look-ups of the target's name, by network and reason.", []string{"network", "reason"},
		ofTarget(prometheus.CounterValue, func(t *watch.TargetSnapshot, emit emit) {
			for _, f := range watch.Failures() {
				emit(float64(t.Failures[f]), f.Network, f.Reason)
			}
		})},

	{"echod_watch_probes_sent_total", "Probes that were answered or lost.", byAddress(),
		ofAddress(prometheus.CounterValue, func(a *watch.AddressSnapshot, emit emit) { emit(float64(a.Sent)) })},
	{"echod_watch_probes_received_total", "Probes answered correctly and in time.", byAddress(),
		ofAddress(prometheus.CounterValue, func(a *watch.AddressSnapshot, emit emit) { emit(float64(a.Received)) })},
	{"echod_watch_probes_lost_total", "Probes not answered correctly and in time, by class.", byAddress("class"),
		ofAddress(prometheus.CounterValue, func(a *watch.AddressSnapshot, emit emit) {
			for _, class := range watch.Classes() {
				emit(float64(a.Lost[class]), string(class))
			}
		})},
	{"echod_watch_answers_besides_total", "What was received besides the answers in time, by kind; reordered answers may be in time.", byAddress("kind"),
		ofAddress(prometheus.CounterValue, func(a *watch.AddressSnapshot, emit emit) {
			emit(float64(a.Late), "late")
			emit(float64(a.Duplicated), "duplicated")
			emit(float64(a.Reordered), "reordered")
			emit(float64(a.Foreign), "foreign")
		})},
	{"echod_watch_probes_paused_total", "Probes that were due or in flight while this process did not run. They are neither sent nor lost.", byAddress(),
		ofAddress(prometheus.CounterValue, func(a *watch.AddressSnapshot, emit emit) { emit(float64(a.Paused)) })},
	{"echod_watch_flows_replaced_total", "Connections and sockets that were replaced: moved if the name has another address, stale if a new socket was answered and the old one was not.", byAddress("reason"),
		ofAddress(prometheus.CounterValue, func(a *watch.AddressSnapshot, emit emit) {
			emit(float64(a.Moved), "moved")
			emit(float64(a.Stale), "stale")
		})},
	{"echod_watch_syn_retransmits_total", "SYNs that were sent again until a connection was made. 0 where the system does not say.", byAddress(),
		ofAddress(prometheus.CounterValue, func(a *watch.AddressSnapshot, emit emit) { emit(float64(a.Connecting.Retransmits)) })},
	{"echod_watch_connect_seconds", "The phases of connections that were made, with --reconnect: dns, connect, tls. Absent if there were none.", byAddress("phase"), connecting},
	{"echod_watch_up", "1 if the address answers, 0 after --down-after lost probes in a row. Absent until one of them is known.", byAddress(),
		ofAddress(prometheus.GaugeValue, func(a *watch.AddressSnapshot, emit emit) {
			if a.Known {
				emit(truth(a.Up))
			}
		})},
	{"echod_watch_address_resolved", "1 if the last answer of the resolver has the address, 0 while it is kept without that.", byAddress(),
		ofAddress(prometheus.GaugeValue, func(a *watch.AddressSnapshot, emit emit) { emit(truth(a.Resolved)) })},
	{"echod_watch_rtt_seconds", "Round trips, from the first byte sent to the last byte received.", byAddress(), roundTrips},
}

// byAddress returns the label address, and other labels after it.
func byAddress(others ...string) []string { return append([]string{"address"}, others...) }

func ofTarget(kind prometheus.ValueType, read func(*watch.TargetSnapshot, emit)) func(*watch.TargetSnapshot, *prometheus.Desc, chan<- prometheus.Metric) {
	return func(t *watch.TargetSnapshot, desc *prometheus.Desc, to chan<- prometheus.Metric) {
		read(t, func(v float64, labels ...string) { to <- prometheus.MustNewConstMetric(desc, kind, v, labels...) })
	}
}

func ofAddress(kind prometheus.ValueType, read func(*watch.AddressSnapshot, emit)) func(*watch.TargetSnapshot, *prometheus.Desc, chan<- prometheus.Metric) {
	return ofTarget(kind, func(t *watch.TargetSnapshot, emit emit) {
		for _, a := range t.Addresses {
			read(&a, func(v float64, labels ...string) { emit(v, append([]string{a.Address}, labels...)...) })
		}
	})
}

// roundTrips collects a histogram for each address.
func roundTrips(t *watch.TargetSnapshot, desc *prometheus.Desc, to chan<- prometheus.Metric) {
	for _, a := range t.Addresses {
		to <- histogram(desc, &a.Times, a.Address)
	}
}

// connecting collects a histogram for each phase of connecting that an address has.
func connecting(t *watch.TargetSnapshot, desc *prometheus.Desc, to chan<- prometheus.Metric) {
	for _, a := range t.Addresses {
		for _, phase := range a.Connecting.Phases() {
			to <- histogram(desc, phase.Times, a.Address, phase.Name)
		}
	}
}

func histogram(desc *prometheus.Desc, times *watch.Times, labels ...string) prometheus.Metric {
	below, all := map[float64]uint64{}, uint64(0) // below: how many were no longer than each bound
	for i, bound := range watch.Bounds {
		all += times.Counts[i]
		below[bound.Seconds()] = all
	}
	all += times.Counts[len(watch.Bounds)]
	return prometheus.MustNewConstHistogram(desc, all, times.Sum.Seconds(), below, labels...)
}
