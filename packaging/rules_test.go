package packaging

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"

	"go.yaml.in/yaml/v3"
)

// ruleFile is a file of rules, with the fields that ours has:
// prometheus.io/docs/prometheus/latest/configuration/recording_rules.
type ruleFile struct {
	Groups []struct {
		Name  string
		Rules []rule
	}
}

type rule struct {
	Alert, Record, Expr, For string
	Labels, Annotations      map[string]string
}

func (r rule) name() string { return r.Alert + r.Record }

// decode reads YAML. Unknown fields are errors.
func decode(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if err := decoder.Decode(into); err != io.EOF {
		t.Fatalf("%s: got %v after the first document, want its end", path, err)
	}
}

func rules(t *testing.T) []rule {
	t.Helper()
	var file ruleFile
	decode(t, "prometheus/alerts.yml", &file)
	var all []rule
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

func alerts(t *testing.T) []rule {
	t.Helper()
	return slices.DeleteFunc(rules(t), func(r rule) bool { return r.Alert == "" })
}

func TestPrometheusParsesEveryExpression(t *testing.T) {
	for _, a := range everything(t) {
		if len(a.selectors()) == 0 {
			t.Errorf("%s: %s uses no metric", a.where, a.text)
		}
	}
}

func TestEveryAlertHasASeverityAndASummary(t *testing.T) {
	for _, r := range alerts(t) {
		if severity := r.Labels["severity"]; !slices.Contains([]string{"critical", "warning", "info"}, severity) {
			t.Errorf("%s: severity %q, want critical, warning or info", r.Alert, severity)
		}
		if !strings.Contains(r.Annotations["summary"], "$labels") {
			t.Errorf("%s: the summary names no instance: %q", r.Alert, r.Annotations["summary"])
		}
		for name, text := range r.Annotations {
			// Prometheus has these functions and a few more; it declares both variables.
			funcs := template.FuncMap{"humanize": str, "humanize1024": str, "humanizePercentage": str, "humanizeDuration": str}
			if _, err := template.New("").Funcs(funcs).Parse("{{$labels := .Labels}}{{$value := .Value}}" + text); err != nil {
				t.Errorf("%s: %s: %v", r.Alert, name, err)
			}
		}
	}
}

func str(any) string { return "" }

// TestSummariesUseLabelsThatExist: a label that the expression aggregates is empty in the
// text.
func TestSummariesUseLabelsThatExist(t *testing.T) {
	used := regexp.MustCompile(`\$labels\.(\w+)`)
	for _, r := range alerts(t) {
		left := parse(t, r.Alert, r.Expr).groupings()
		for _, match := range used.FindAllStringSubmatch(r.Annotations["summary"], -1) {
			if len(left) > 0 && !slices.Contains(left, match[1]) {
				t.Errorf("%s: the summary names the label %s, which is not one of %v", r.Alert, match[1], left)
			}
		}
	}
}

var heading = regexp.MustCompile(`(?m)^### (Echod\w+)$`)

// TestEveryAlertHasItsSection: the section that a runbook names is in docs/operations.md,
// and every section about an alert has its alert.
func TestEveryAlertHasItsSection(t *testing.T) {
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	unused := map[string]bool{}
	for _, match := range heading.FindAllStringSubmatch(string(text), -1) {
		unused[match[1]] = true
	}
	sections := len(unused)
	named := regexp.MustCompile(`^docs/operations\.md, section (Echod\w+): .+`)
	for _, r := range alerts(t) {
		match := named.FindStringSubmatch(r.Annotations["runbook"])
		if match == nil {
			t.Errorf("%s: the runbook names no section: %q", r.Alert, r.Annotations["runbook"])
			continue
		}
		if !strings.HasPrefix(r.Alert, match[1]) {
			t.Errorf("%s: the runbook names the section of %s", r.Alert, match[1])
		}
		if !bytes.Contains(text, []byte("\n### "+match[1]+"\n")) {
			t.Errorf("%s: docs/operations.md has no section %s", r.Alert, match[1])
		}
		delete(unused, match[1])
	}
	for name := range unused {
		t.Errorf("docs/operations.md has a section %s, but there is no such alert", name)
	}
	if sections < 10 {
		t.Errorf("docs/operations.md has %d sections about alerts: the search is broken", sections)
	}
}

// TestEveryAlertHasACaseThatFires and one that does not, in alerts_test.yml.
func TestEveryAlertHasACaseThatFires(t *testing.T) {
	var file struct {
		Tests []struct {
			Cases []struct {
				Alert string      `yaml:"alertname"`
				Fires []yaml.Node `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	text, err := os.ReadFile("prometheus/alerts_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	cases := map[string]map[bool]int{}
	for _, r := range alerts(t) {
		cases[r.Alert] = map[bool]int{}
	}
	for _, test := range file.Tests {
		for _, c := range test.Cases {
			if cases[c.Alert] == nil {
				t.Errorf("alerts_test.yml has a case of %s, which does not exist: it never fires", c.Alert)
				continue
			}
			cases[c.Alert][len(c.Fires) > 0]++
		}
	}
	for alert, n := range cases {
		if n[true] == 0 || n[false] == 0 {
			t.Errorf("%s has %d cases in which it fires and %d in which it does not, want both", alert, n[true], n[false])
		}
	}
}

// TestAlertsFireWhenTheyShould runs the cases of alerts_test.yml with Prometheus's
// promtool.
func TestAlertsFireWhenTheyShould(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	const missing = "this machine has no promtool (Debian: prometheus)"
	switch {
	case err != nil && os.Getenv("ECHOD_REQUIRE") != "":
		t.Fatal(missing)
	case err != nil:
		t.Skip(missing)
	}
	for _, args := range [][]string{{"check", "config", "prometheus.yml"}, {"test", "rules", "alerts_test.yml"}} {
		cmd := exec.Command(promtool, args...)
		cmd.Dir = "prometheus"
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, said)
		}
	}
}
