// Package packaging tests the files beside it. Expressions for Prometheus must parse with
// Prometheus's own parser and use metrics that echod has. Sections of docs/operations.md
// that they name must exist.
package packaging

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// metric is the metric of one name: the values of each of its labels.
type metric map[string][]string

// exposed reads the answer to a scrape, in Prometheus's text format.
func exposed(text string) map[string]metric {
	all := map[string]metric{}
	for line := range strings.Lines(text) {
		match := sample.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		m := all[match[1]]
		if m == nil {
			m = metric{}
			all[match[1]] = m
		}
		for _, label := range label.FindAllStringSubmatch(match[2], -1) {
			if !slices.Contains(m[label[1]], label[2]) {
				m[label[1]] = append(m[label[1]], label[2])
			}
		}
	}
	return all
}

var (
	sample = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? `)
	label  = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
)

// ofPrometheus are the labels that Prometheus adds.
var ofPrometheus = []string{"job", "instance"}

// TestMetricsExist compares the metrics that are used, and those that docs/operations.md
// explains, with those that serve, watch and agent export.
func TestMetricsExist(t *testing.T) {
	there := scrapeAll(t)
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("every metric that is used", func(t *testing.T) { wantUsedMetrics(t, there) })
	t.Run("every metric is explained", func(t *testing.T) { wantExplained(t, there, string(text)) })
	t.Run("every reason is explained", func(t *testing.T) { wantReasons(t, there, string(text)) })
}

// wantUsedMetrics checks that every metric and label that is used exists: an alert for
// another name never fires, and nobody notices.
func wantUsedMetrics(t *testing.T, there map[string]metric) {
	there = maps.Clone(there)
	there["up"] = metric{}
	for _, r := range rules(t) {
		if r.Record != "" {
			there[r.Record] = labelsOf(parse(t, r.name(), r.Expr).groupings())
		}
	}
	for _, a := range everything(t) {
		have := slices.Clone(ofPrometheus)
		for _, s := range a.selectors() {
			m, ok := there[s.Name]
			if !ok {
				t.Errorf("%s uses %s, which does not exist", a.where, s.Name)
				continue
			}
			for name := range m {
				have = append(have, name)
			}
			for _, matcher := range s.LabelMatchers {
				if matcher.Name == "__name__" || slices.Contains(ofPrometheus, matcher.Name) {
					continue
				}
				for _, word := range words(matcher) {
					if !slices.Contains(m[matcher.Name], word) {
						t.Errorf("%s uses %s with %s=%q; its values are %q", a.where, s.Name, matcher.Name, word, m[matcher.Name])
					}
				}
			}
		}
		for _, name := range a.groupings() {
			if !slices.Contains(have, name) {
				t.Errorf("%s groups by %s; the labels are %v", a.where, name, have)
			}
		}
	}
}

// labelsOf returns a metric of which only the names of the labels are known.
func labelsOf(names []string) metric {
	m := metric{}
	for _, name := range names {
		m[name] = nil
	}
	return m
}

// wantExplained checks that docs/operations.md explains every metric, and no others.
func wantExplained(t *testing.T, there map[string]metric, text string) {
	explained := map[string]bool{}
	for _, name := range regexp.MustCompile("`(echod_\\w+)[`{]").FindAllStringSubmatch(text, -1) {
		explained[name[1]] = true
	}
	for name := range there {
		base := histogramPart.ReplaceAllString(name, "")
		if strings.HasPrefix(name, "echod_") && !explained[name] && !explained[base] {
			t.Errorf("docs/operations.md does not say what %s means", name)
		}
	}
	for name := range explained {
		_, one := there[name]
		_, histogram := there[name+"_bucket"]
		if !one && !histogram {
			t.Errorf("docs/operations.md explains %s, which does not exist", name)
		}
	}
}

var histogramPart = regexp.MustCompile(`_(bucket|sum|count)$`)

// wantReasons checks that docs/operations.md explains every value of the labels for
// reasons.
func wantReasons(t *testing.T, there map[string]metric, text string) {
	for _, of := range [][2]string{
		{"echod_closes_total", "cause"}, {"echod_connections_refused_total", "reason"},
		{"echod_accept_errors_total", "reason"}, {"echod_datagrams_dropped_total", "reason"},
		{"echod_tls_handshakes_total", "result"}, {"echod_watch_probes_lost_total", "class"}, {"echod_watch_resolve_failures_total", "reason"}, {"echod_watch_on_change_total", "result"},
	} {
		words := there[of[0]][of[1]]
		if len(words) == 0 {
			t.Errorf("%s has no %s", of[0], of[1])
		}
		for _, word := range words {
			if !strings.Contains(text, "`"+word+"`") {
				t.Errorf("docs/operations.md does not say what %s %s=%q means", of[0], of[1], word)
			}
		}
	}
}
