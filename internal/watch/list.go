package watch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// lineError is a mistake in a list of targets.
type lineError struct {
	line int // from 1; 0: not known
	err  error
}

func (e *lineError) Error() string { return e.err.Error() }

func at(line int, format string, args ...any) error {
	return &lineError{line, fmt.Errorf(format, args...)}
}

// isYAML reports whether the name of a list means that it is in the form of Prometheus's
// files of targets. JSON is YAML, too.
func isYAML(path string) bool {
	return slices.Contains([]string{".yml", ".yaml", ".json"}, strings.ToLower(filepath.Ext(path)))
}

// byteOrderMark begins files of some editors (RFC 3629, section 6).
const byteOrderMark = "\ufeff"

// parseList returns the targets of a list in the file path. Prepare completes each. The
// error has the path and, if it is known, the line.
func parseList(path, text string, prepare func(Target) (Target, error)) ([]Target, error) {
	parse, want := parseLines, "one URL per line, e.g. tcp://localhost:8080"
	if isYAML(path) {
		parse, want = parseYAML, "a list like: [{targets: [tcp://localhost:8080]}]"
	}
	list, err := parse(strings.TrimPrefix(text, byteOrderMark), prepare)
	if wrong, ok := errors.AsType[*lineError](err); ok && wrong.line > 0 {
		return nil, fmt.Errorf("%s:%d: %w", path, wrong.line, wrong.err)
	}
	if err == nil && len(list) == 0 {
		err = errors.New("no targets: want " + want)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return list, nil
}

// parseLines reads a URL per line. Empty lines and lines that begin with # are ignored.
func parseLines(text string, prepare func(Target) (Target, error)) (list []Target, err error) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		t, err := Parse(line)
		if err == nil {
			t, err = prepare(t)
		}
		if err != nil {
			return nil, &lineError{number, err}
		}
		list = append(list, t)
	}
	return list, nil
}

// parseYAML reads a list of groups, as Prometheus does for file_sd_configs
// (prometheus.io/docs/prometheus/latest/configuration/configuration): targets, and their
// labels. A group can also have an interval, a timeout and a size.
func parseYAML(text string, prepare func(Target) (Target, error)) (list []Target, err error) {
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	var document, second yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, errors.New("invalid " + strings.Replace(err.Error(), "yaml:", "YAML:", 1))
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one YAML document: want one")
	}
	groups := document.Content[0]
	if groups.Kind != yaml.SequenceNode {
		return nil, at(groups.Line, "not a list: want a list like: [{targets: [tcp://localhost:8080]}]")
	}
	for _, node := range groups.Content {
		targets, err := parseGroup(resolved(node), prepare)
		if err != nil {
			return nil, err
		}
		if list = append(list, targets...); len(list) > maxTargets {
			return nil, at(node.Line, "too many targets: want at most %d", maxTargets)
		}
	}
	return list, nil
}

// maxTargets limits the targets of a list of groups: an alias can repeat a whole group, so a
// short file can have any number of them.
const maxTargets = maxFile / len("tcp://10.0.0.1:7")

// resolved returns the node that an alias stands for.
func resolved(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// parseGroup returns the targets of one group.
func parseGroup(node *yaml.Node, prepare func(Target) (Target, error)) (list []Target, err error) {
	if node.Kind != yaml.MappingNode {
		return nil, at(node.Line, "not a group: want targets: [tcp://localhost:8080]")
	}
	var common Target // what all targets of the group have
	var targets []*yaml.Node
	seen := make(map[string]bool)
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], resolved(node.Content[i+1])
		if seen[key.Value] {
			return nil, at(key.Line, "%s is given twice: want it once", key.Value)
		}
		seen[key.Value] = true
		switch key.Value {
		case "targets":
			if value.Kind != yaml.SequenceNode {
				return nil, at(value.Line, "targets: not a list: want targets: [tcp://localhost:8080]")
			}
			targets = value.Content
		case "labels":
			common.Labels, err = parseLabels(value)
		case "interval":
			common.Interval, err = parseDuration(key.Value, value)
		case "timeout":
			common.Timeout, err = parseDuration(key.Value, value)
		case "size":
			if common.Size, err = strconv.Atoi(value.Value); err != nil || common.Size <= 0 {
				return nil, at(value.Line, "invalid size %q: want a number of bytes", value.Value)
			}
		default:
			return nil, at(key.Line, "unknown field %q: want targets, labels, interval, timeout or size", key.Value)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, one := range targets {
		one = resolved(one)
		t, err := Parse(one.Value)
		if one.Kind != yaml.ScalarNode {
			err = errors.New("a target that is not a URL: want e.g. tcp://localhost:8080")
		}
		if err == nil {
			t.Labels, t.Interval, t.Timeout, t.Size = common.Labels, common.Interval, common.Timeout, common.Size
			t, err = prepare(t)
		}
		if err != nil {
			return nil, &lineError{one.Line, err}
		}
		list = append(list, t)
	}
	return list, nil
}

// parseDuration reads a duration. A plain number is a number of seconds, as on the command
// line.
func parseDuration(name string, node *yaml.Node) (time.Duration, error) {
	text := node.Value
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		text += "s"
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, at(node.Line, "invalid %s %q: want a duration, e.g. 500ms, 30s or 5m", name, node.Value)
	}
	return d, nil
}

// The limits of the labels of a target. They limit the memory of whoever stores its
// metrics.
const (
	maxLabels     = 16
	maxLabelName  = 64 // bytes
	maxLabelValue = 128
)

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// reservedLabels are those that metrics of a watch have, and those that Prometheus adds.
var reservedLabels = []string{"address", "class", "instance", "job", "kind", "le", "network", "phase", "quantile", "reason", "result", "target"}

// parseLabels reads the labels of a group.
func parseLabels(node *yaml.Node) (map[string]string, error) {
	if node.Kind != yaml.MappingNode {
		return nil, at(node.Line, "labels: want labels: {NAME: VALUE}")
	}
	labels := make(map[string]string)
	for i := 0; i < len(node.Content); i += 2 {
		name, value := node.Content[i], resolved(node.Content[i+1])
		if err := checkLabel(name.Value, value.Value); err != nil {
			return nil, &lineError{name.Line, err}
		}
		if value.Kind != yaml.ScalarNode {
			return nil, at(value.Line, "label %s: want a text", name.Value)
		}
		if _, twice := labels[name.Value]; twice {
			return nil, at(name.Line, "label %s is given twice: want it once", name.Value)
		}
		labels[name.Value] = value.Value
	}
	if len(labels) > maxLabels {
		return nil, at(node.Line, "%d labels: want at most %d", len(labels), maxLabels)
	}
	return labels, nil
}

// checkLabel reports whether a metric of the target can have the label
// (prometheus.io/docs/concepts/data_model).
func checkLabel(name, value string) error {
	switch {
	case !labelName.MatchString(name):
		return fmt.Errorf("invalid label %q: want letters, digits and underscores, and no digit at the beginning", name)
	case strings.HasPrefix(name, "__"):
		return fmt.Errorf("label %s: names that begin with __ are reserved for Prometheus: want another name", name)
	case slices.Contains(reservedLabels, name):
		return fmt.Errorf("label %s: metrics have a label of this name: want another than %s", name, strings.Join(reservedLabels, ", "))
	case len(name) > maxLabelName:
		return fmt.Errorf("the name of a label has %d bytes: want at most %d", len(name), maxLabelName)
	case len(value) > maxLabelValue:
		return fmt.Errorf("label %s: the value has %d bytes: want at most %d", name, len(value), maxLabelValue)
	case !utf8.ValidString(value):
		return fmt.Errorf("label %s: the value is not UTF-8", name)
	case strings.Contains(value, "\x00"): // no environment variable of --on-change can have it
		return fmt.Errorf("label %s: the value has a NUL byte: want text", name)
	}
	return nil
}

// settings are what a list says of a target, except for its labels. Targets with the same
// settings are one.
type settings struct {
	url               string
	interval, timeout time.Duration
	size              int
}

func (t Target) settings() settings { return settings{t.URL, t.Interval, t.Timeout, t.Size} }

// sameTarget reports whether a and b are the same in everything that a list says.
func sameTarget(a, b Target) bool {
	return a.settings() == b.settings() && maps.Equal(a.Labels, b.Labels)
}
