package metrics

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"echod/internal/agent"
	"echod/internal/certs"
	"echod/internal/dial"
	"echod/internal/echo"
	"echod/internal/engine"
	"echod/internal/oplog"
	"echod/internal/server"
	"echod/internal/watch"
)

// busy returns a snapshot of a service in which no number is 0 and no two are equal.
func busy() server.Snapshot {
	s := engine.Stats{Loops: make([]engine.LoopStats, 2)}
	next := uint64(100)
	eachNumber(reflect.ValueOf(&s).Elem(), func(v reflect.Value) { next++; v.SetUint(next) })
	limits := engine.Limits{MaxConns: 5, MaxMemory: 6}
	return server.Snapshot{Started: time.Unix(1e9, 5e8), Draining: true, Limits: limits, Engines: []server.EngineSnapshot{{Engine: "epoll", Stats: s}}}
}

// eachNumber calls do for each number in a struct, its arrays and its slices.
func eachNumber(v reflect.Value, do func(reflect.Value)) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			eachNumber(v.Field(i), do)
		}
	case reflect.Array, reflect.Slice:
		for i := range v.Len() {
			eachNumber(v.Index(i), do)
		}
	default:
		do(v)
	}
}

// everything returns a registry of all collectors. Each has values other than 0.
func everything() *prometheus.Registry {
	return NewRegistry(Build{"1.2.3", "abcdef", "go1.26"}, everyCollector()...)
}

func everyCollector() []prometheus.Collector {
	return []prometheus.Collector{
		Serve(busy),
		TLS(func() certs.Status { return certs.Status{NotAfter: time.Unix(2e9, 0), Reloads: 3, Failures: 1} }),
		Agent(func() agent.Snapshot {
			return agent.Snapshot{Active: 2, Ended: map[agent.End]uint64{agent.FIN: 5}, Refused: 7, Displaced: 11, DatagramErrors: 13}
		}),
		Watch(watching),
		Log(func() oplog.Counts { return oplog.Counts{Written: 8, Dropped: 9, Suppressed: 10} }),
	}
}

// watching returns a snapshot of a name with an address that got no probe yet, and one
// that is up.
func watching() watch.Snapshot {
	var times watch.Times
	times.Counts[2], times.Counts[len(watch.Bounds)], times.Sum = 3, 1, 7*time.Second
	return watch.Snapshot{RejectedLists: 3, Outdated: true, Calls: map[string]uint64{watch.CallTimedOut: 4}, Targets: []watch.TargetSnapshot{{URL: "dns+tcp://echoes:7", Failures: map[watch.Failure]uint64{{Network: "ip6", Reason: "server"}: 2}, Addresses: []watch.AddressSnapshot{
		{Address: "192.0.2.1:7"},
		{Address: "192.0.2.2:7", Resolved: true, Known: true, Up: true, Sent: 9, Received: 4, Times: times,
			Lost: map[dial.Class]uint64{dial.Refused: 3, watch.Other: 2}, Late: 21, Duplicated: 22, Reordered: 23, Foreign: 24, Paused: 25, Moved: 26, Stale: 27,
			Connecting: watch.Connecting{Retransmits: 28, Connect: times}},
	}}}}
}

func TestNamesFollowTheRulesOfPrometheus(t *testing.T) {
	problems, err := testutil.GatherAndLint(everything())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestEveryNumberOfASnapshotIsExported adds the values up: a number that is omitted, or
// exported twice, changes the sum.
func TestEveryNumberOfASnapshotIsExported(t *testing.T) {
	s := busy().Engines[0].Stats
	s.Finishing = 0               // part of Active
	s.Drops[echo.Answer] = 0      // no drop
	want := 1e9 + 0.5 + 1 + 5 + 6 // the start, draining, the limits
	eachNumber(reflect.ValueOf(s), func(v reflect.Value) { want += float64(v.Uint()) })
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(Serve(busy))
	if got := total(t, r); got != want {
		t.Errorf("the sum of all values: got %v, want %v", got, want)
	}
}

func total(t *testing.T, r prometheus.Gatherer) (sum float64) {
	t.Helper()
	for _, f := range gather(t, r) {
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

func gather(t *testing.T, r prometheus.Gatherer) []*dto.MetricFamily {
	t.Helper()
	all, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAgentAndCertificateAreExported(t *testing.T) {
	want := `
		# HELP echod_agent_sessions_active Scenarios that the agent runs now.
		# TYPE echod_agent_sessions_active gauge
		echod_agent_sessions_active 2
		# HELP echod_agent_sessions_total Ended scenarios, by how their connection ended, and refused requests.
		# TYPE echod_agent_sessions_total counter
		echod_agent_sessions_total{result="acted"} 0
		echod_agent_sessions_total{result="error"} 0
		echod_agent_sessions_total{result="fin"} 5
		echod_agent_sessions_total{result="limit"} 0
		echod_agent_sessions_total{result="refused"} 7
		echod_agent_sessions_total{result="reset"} 0
		echod_agent_sessions_total{result="truncated"} 0
		# HELP echod_tls_certificate_expiry_timestamp_seconds When the certificate in use expires, in Unix time.
		# TYPE echod_tls_certificate_expiry_timestamp_seconds gauge
		echod_tls_certificate_expiry_timestamp_seconds 2e+09
		# HELP echod_tls_reloads_total Reloads of the certificate: ok if it was replaced, failed if the old one was kept.
		# TYPE echod_tls_reloads_total counter
		echod_tls_reloads_total{result="failed"} 1
		echod_tls_reloads_total{result="ok"} 3
	`
	err := testutil.GatherAndCompare(everything(), strings.NewReader(want), "echod_agent_sessions_active",
		"echod_agent_sessions_total", "echod_tls_certificate_expiry_timestamp_seconds", "echod_tls_reloads_total")
	if err != nil {
		t.Error(err)
	}
}

// TestLabelsOfATargetAreOnAllItsMetrics: targets can have different ones.
func TestLabelsOfATargetAreOnAllItsMetrics(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(Watch(func() watch.Snapshot {
		s := watching()
		other := s.Targets[0]
		s.Targets[0].Labels, other.URL, other.Labels = map[string]string{"env": "prod"}, "tcp://other:7", map[string]string{"rack": "12"}
		s.Targets = append(s.Targets, other)
		return s
	}))
	for _, f := range gather(t, r) {
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			want := map[string][2]string{"dns+tcp://echoes:7": {"prod", ""}, "tcp://other:7": {"", "12"}}[labels["target"]]
			if labels["env"] != want[0] || labels["rack"] != want[1] {
				t.Errorf("%s has the labels %v", f.GetName(), labels)
			}
		}
	}
}

// TestListCannotHaveTheLabelsOfMetrics: two labels of a metric would have the same name.
func TestListCannotHaveTheLabelsOfMetrics(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(Watch(watching))
	names := []string{"le", "quantile", "job", "instance"} // of histograms, and of Prometheus
	for _, f := range gather(t, r) {
		for _, l := range f.GetMetric()[0].GetLabel() {
			names = append(names, l.GetName())
		}
	}
	text, err := os.ReadFile("../../docs/watch.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, "env") {
		if name != "env" && !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/watch.md does not say that lists cannot have the label %s", name)
		}
		path := filepath.Join(t.TempDir(), "list.yml")
		if err := os.WriteFile(path, []byte("- targets: [a:7]\n  labels: {"+name+": x}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		file := watch.File{Path: path, Prepare: func(target watch.Target) (watch.Target, error) { return target, nil }}
		if _, err := file.Open(); (err == nil) != (name == "env") {
			t.Errorf("label %s: got %v", name, err)
		}
	}
}

// TestTargetsAndAddressesHaveAFixedNumberOfSeries without --reconnect: docs/watch.md says how many, and
// --max-addresses limits the addresses.
func TestTargetsAndAddressesHaveAFixedNumberOfSeries(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(Watch(watching))
	series := map[string]int{} // by address; "" for those of the target
	for _, f := range gather(t, r) {
		if f.GetName() == "echod_watch_connect_seconds" {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["target"] == "" {
				continue // of the process
			}
			series[labels["address"]]++
			if h := m.GetHistogram(); h != nil {
				series[labels["address"]] += len(h.GetBucket()) + 2 // the last bucket, and the sum
			}
		}
	}
	text, err := os.ReadFile("../../docs/watch.md")
	if err != nil {
		t.Fatal(err)
	}
	if says := fmt.Sprintf("an address has %d series, a target %d", series["192.0.2.2:7"], series[""]); !strings.Contains(string(text), says) {
		t.Errorf("docs/watch.md does not say that %s", says)
	}
}

func TestAddressesOfAWatchAreExported(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(Watch(watching))
	got := map[string]float64{}
	for _, f := range gather(t, r) {
		for _, m := range f.GetMetric() {
			name := strings.TrimPrefix(f.GetName(), "echod_watch_")
			for _, l := range m.GetLabel() {
				if l.GetName() != "target" {
					name += " " + l.GetValue()
				}
			}
			if v := m.GetCounter().GetValue() + m.GetGauge().GetValue(); v > 0 || f.GetName() == "echod_watch_up" {
				got[name] = v
			}
			if h := m.GetHistogram(); h.GetSampleCount() > 0 {
				got[name+" count"], got[name+" sum"] = float64(h.GetSampleCount()), h.GetSampleSum()
				for _, b := range h.GetBucket()[1:4] {
					got[fmt.Sprint(name, " le ", b.GetUpperBound())] = float64(b.GetCumulativeCount())
				}
			}
		}
	}
	want := map[string]float64{
		"addresses": 2, "target_list_errors_total": 3, "on_change_total timeout": 4, "resolve_failures_total ip6 server": 2, "address_resolved 192.0.2.2:7": 1,
		"probes_sent_total 192.0.2.2:7": 9, "probes_received_total 192.0.2.2:7": 4, "up 192.0.2.2:7": 1,
		"answers_besides_total 192.0.2.2:7 late": 21, "answers_besides_total 192.0.2.2:7 duplicated": 22,
		"answers_besides_total 192.0.2.2:7 reordered": 23, "answers_besides_total 192.0.2.2:7 foreign": 24, "probes_paused_total 192.0.2.2:7": 25,
		"flows_replaced_total 192.0.2.2:7 moved": 26, "flows_replaced_total 192.0.2.2:7 stale": 27, "syn_retransmits_total 192.0.2.2:7": 28,
		"connect_seconds 192.0.2.2:7 connect count": 4, "connect_seconds 192.0.2.2:7 connect sum": 7, "connect_seconds 192.0.2.2:7 connect le 5e-05": 0,
		"connect_seconds 192.0.2.2:7 connect le 0.0001": 3, "connect_seconds 192.0.2.2:7 connect le 0.0002": 3,
		"probes_lost_total 192.0.2.2:7 refused": 3, "probes_lost_total 192.0.2.2:7 other": 2,
		"rtt_seconds 192.0.2.2:7 count": 4, "rtt_seconds 192.0.2.2:7 sum": 7, "rtt_seconds 192.0.2.2:7 le 5e-05": 0,
		"rtt_seconds 192.0.2.2:7 le 0.0001": 3, "rtt_seconds 192.0.2.2:7 le 0.0002": 3,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("values other than 0 (-want +got)\n%s", diff)
	}
}

var update = flag.Bool("update", false, "rewrite docs/metrics.md")

// TestDocumentListsEveryMetric compares docs/metrics.md with the metrics.
func TestDocumentListsEveryMetric(t *testing.T) {
	const name = "../../docs/metrics.md"
	want := document(t)
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/metrics.md does not match the metrics; go test ./internal/metrics -update rewrites it (-want +got)\n%s", diff)
	}
}

// TestDocumentHasMetricsThatAreAbsentAtFirst: a metric is absent as long as it has no value.
func TestDocumentHasMetricsThatAreAbsentAtFirst(t *testing.T) {
	text := document(t)
	for _, m := range targetMetrics {
		if !strings.Contains(text, "`"+m.name+"`") {
			t.Errorf("the snapshot of the test has no value of %s", m.name)
		}
	}
}

// document returns docs/metrics.md.
func document(t *testing.T) string {
	var b strings.Builder
	b.WriteString(`# Metrics

These are the metrics of echod at ` + "`/metrics`" + ` of the address of ` + "`--admin`" + `. The metrics
of Go and of the process (` + "`go_…`, `process_…`" + `) are there too.
[operations.md](operations.md#metrics) says what to do when one of them grows.

| metric | type | labels | meaning |
|---|---|---|---|
`)
	for _, f := range gather(t, everything()) {
		if !strings.HasPrefix(f.GetName(), "echod_") {
			continue
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()), labels(f), f.GetHelp())
	}
	return b.String()
}

// labels returns the labels of a metric. It adds the values of labels that have a fixed
// list of them.
func labels(f *dto.MetricFamily) string {
	fixed := []string{"cause", "class", "direction", "reason", "result"}
	var all []string
	for i, l := range f.GetMetric()[0].GetLabel() {
		text := "`" + l.GetName() + "`"
		if slices.Contains(fixed, l.GetName()) {
			var values []string
			for _, m := range f.GetMetric() {
				values = append(values, m.GetLabel()[i].GetValue())
			}
			slices.Sort(values)
			text += ": " + strings.Join(slices.Compact(values), ", ")
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}
