package metrics

import "github.com/prometheus/client_golang/prometheus"

// family is one metric: its name, what it means and how it is read.
type family struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func counter(name, help string, labels ...string) family {
	return family{prometheus.NewDesc(name, help, labels, nil), prometheus.CounterValue}
}

func gauge(name, help string, labels ...string) family {
	return family{prometheus.NewDesc(name, help, labels, nil), prometheus.GaugeValue}
}

// number is what a snapshot holds.
type number interface {
	~int | ~int64 | ~uint64 | ~float64
}

// tell sends one value with its labels.
func tell[N number](to chan<- prometheus.Metric, f family, v N, labels ...string) {
	to <- prometheus.MustNewConstMetric(f.desc, f.kind, float64(v), labels...)
}

// truth is 1 for true.
func truth(v bool) int {
	if v {
		return 1
	}
	return 0
}

// describe sends what the families are.
func describe(to chan<- *prometheus.Desc, all []family) {
	for _, f := range all {
		to <- f.desc
	}
}
