package watch

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/dial"
)

// settingsOf writes what a list says of a target.
func settingsOf(t Target) string {
	return fmt.Sprintf("%s %v %v %d %v", t.URL, t.Interval, t.Timeout, t.Size, t.Labels)
}

func TestGroupsOfTargetsAreRead(t *testing.T) {
	noUnix := func(t Target) (Target, error) {
		if t.Dial.Network == "unix" {
			return t, errors.New("no unix here")
		}
		return t, nil
	}
	sixteen := "a0: x"
	for i := range maxLabels {
		sixteen += fmt.Sprintf(", b%d: x", i)
	}
	tests := []struct {
		name, text string
		want       []string
		wrong      string
	}{
		{"as Prometheus has it", "- targets: ['a:7', 'dns+udp://b:7']\n  labels:\n    env: prod\n    rack: 12\n- targets: [tcp://c:7]\n",
			[]string{"tcp://a:7 0s 0s 0 map[env:prod rack:12]", "dns+udp://b:7 0s 0s 0 map[env:prod rack:12]", "tcp://c:7 0s 0s 0 map[]"}, ""},
		{"with settings", "- targets:\n  - a:7\n  interval: 5\n  timeout: 500ms\n  size: 1000\n", []string{"tcp://a:7 5s 500ms 1000 map[]"}, ""},
		{"labels after an alias", "- &x {targets: [a:7], labels: &l {env: prod}}\n- {targets: [b:7], labels: *l}\n",
			[]string{"tcp://a:7 0s 0s 0 map[env:prod]", "tcp://b:7 0s 0s 0 map[env:prod]"}, ""},
		{"JSON", "[\n\t{\"targets\": [\"a:7\"], \"labels\": {\"env\": \"prod\"}}\n]\n", []string{"tcp://a:7 0s 0s 0 map[env:prod]"}, ""},
		{"a byte order mark and CRLF", "\ufeff- targets: [a:7]\r\n  labels:\r\n    env: prod\r\n", []string{"tcp://a:7 0s 0s 0 map[env:prod]"}, ""},

		{"empty", "", nil, "LIST: no targets: want a list like: [{targets: [tcp://localhost:8080]}]"},
		{"an empty list", "[]\n", nil, "LIST: no targets: want a list like: [{targets: [tcp://localhost:8080]}]"},
		{"not YAML", "- targets: [a:7\n- b\n", nil, "LIST: invalid YAML: line 2: did not find expected ',' or ']'"},
		{"two documents", "[]\n---\n[]\n", nil, "LIST: more than one YAML document: want one"},
		{"no list", "targets: [a:7]\n", nil, "LIST:1: not a list: want a list like: [{targets: [tcp://localhost:8080]}]"},
		{"a list of URLs", "- a:7\n", nil, "LIST:1: not a group: want targets: [tcp://localhost:8080]"},
		{"one target without a list", "- targets: a:7\n", nil, "LIST:1: targets: not a list: want targets: [tcp://localhost:8080]"},
		{"an unknown field", "- targets: [a:7]\n  scrape_interval: 5s\n", nil, `LIST:2: unknown field "scrape_interval": want targets, labels, interval, timeout or size`},
		{"a bad URL", "- targets:\n  - a:7\n  - b\n", nil, `LIST:3: invalid URL "b": want [dns+]tcp://HOST:PORT, [dns+]tls://HOST:PORT, [dns+]udp://HOST:PORT or unix:///PATH`},
		{"no URL", "- targets: [{a: 7}]\n", nil, "LIST:1: a target that is not a URL: want e.g. tcp://localhost:8080"},
		{"one that is refused", "- targets: ['unix:///a']\n", nil, "LIST:1: no unix here"},
		{"a bad interval", "- targets: [a:7]\n  interval: soon\n", nil, `LIST:2: invalid interval "soon": want a duration, e.g. 500ms, 30s or 5m`},
		{"a bad timeout", "- targets: [a:7]\n  timeout: -1s\n", nil, `LIST:2: invalid timeout "-1s": want a duration, e.g. 500ms, 30s or 5m`},
		{"a bad size", "- targets: [a:7]\n  size: big\n", nil, `LIST:2: invalid size "big": want a number of bytes`},
		{"labels that are a list", "- targets: [a:7]\n  labels: [env]\n", nil, "LIST:2: labels: want labels: {NAME: VALUE}"},
		{"a label that is a list", "- targets: [a:7]\n  labels: {env: [prod]}\n", nil, "LIST:2: label env: want a text"},
		{"an invalid name", "- targets: [a:7]\n  labels:\n    env: prod\n    data-center: x\n", nil,
			`LIST:4: invalid label "data-center": want letters, digits and underscores, and no digit at the beginning`},
		{"a name of Prometheus", "- targets: [a:7]\n  labels: {__param_module: x}\n", nil,
			"LIST:2: label __param_module: names that begin with __ are reserved for Prometheus: want another name"},
		{"a name of a metric", "- targets: [a:7]\n  labels: {job: x}\n", nil,
			"LIST:2: label job: metrics have a label of this name: want another than address, class, instance, job, kind, le, network, phase, quantile, reason, result, target"},
		{"a long name", "- targets: [a:7]\n  labels: {" + strings.Repeat("x", 65) + ": x}\n", nil, "LIST:2: the name of a label has 65 bytes: want at most 64"},
		{"a long value", "- targets: [a:7]\n  labels: {env: " + strings.Repeat("x", 129) + "}\n", nil, "LIST:2: label env: the value has 129 bytes: want at most 128"},
		{"NUL in a value", "- targets: [a:7]\n  labels: {env: \"a\\0b\"}\n", nil, "LIST:2: label env: the value has a NUL byte: want text"},
		{"targets twice", "- targets: [a:7]\n  targets: [b:7]\n", nil, "LIST:2: targets is given twice: want it once"},
		{"a label twice", "- targets: [a:7]\n  labels:\n    env: prod\n    env: test\n", nil, "LIST:4: label env is given twice: want it once"},
		{"aliases that repeat a group", "- &x {targets: [" + strings.Repeat("a:7,", 1000) + "]}\n" + strings.Repeat("- *x\n", 300), nil,
			"LIST:66: too many targets: want at most 65536"},
		{"too many", "- targets: [a:7]\n  labels: {" + sixteen + "}\n", nil, "LIST:2: 17 labels: want at most 16"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list, err := parseList("LIST.yml", tt.text, noUnix)
			var got []string
			for _, one := range list {
				got = append(got, settingsOf(one))
			}
			wrong := ""
			if err != nil {
				wrong = strings.Replace(err.Error(), "LIST.yml", "LIST", 1)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || wrong != tt.wrong {
				t.Errorf("got %s\nwant %s\ntargets (-want +got)\n%s", wrong, tt.wrong, diff)
			}
		})
	}
}

// FuzzList: an invalid list is an error of one line, whatever it contains.
func FuzzList(f *testing.F) {
	for _, text := range []string{"- targets: [a:7]\n  labels: {env: prod}\n", "a:7\n", "- &x [*x]\n", "- targets: *x\n", "? [a]: b\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, path := range []string{"list.yml", "list"} {
			list, err := parseList(path, text, asIs)
			if (err == nil) != (len(list) > 0) || err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: got %d targets and the error %v", path, len(list), err)
			}
		}
	})
}

// TestTargetHasItsOwnInterval: one target is probed each 5 s, the other as the Config says.
func TestTargetHasItsOwnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newNetwork()
		c := f.config(t, "tcp://a:7", "tcp://b:7")
		c.Targets[1].Interval, c.Targets[1].Size = 5*time.Second, 1000
		w := f.watch(t, c)
		w.until(30 * time.Second)
		w.want("a:7 up: 29 received, 0 lost", "b:7 up: 6 received, 0 lost")
	})
}

// TestNewLabelsDoNotInterrupt: only a target with other settings begins anew.
func TestNewLabelsDoNotInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newNetwork()
		w := f.watch(t, f.config(t, "tcp://a:7", "tcp://b:7"))
		w.until(5500 * time.Millisecond)
		a, b := mustParse(t, "tcp://a:7"), mustParse(t, "tcp://b:7")
		a.Labels, b.Timeout = map[string]string{"env": "prod"}, time.Second
		w.changes <- List{Targets: []Target{a, b}}
		w.until(10200 * time.Millisecond)
		w.want("a:7 up: 10 received, 0 lost", "b:7 up: 4 received, 0 lost")
		if got := w.Snapshot().Targets[0].Labels; got["env"] != "prod" {
			t.Errorf("got the labels %v, want the new ones", got)
		}
	})
}

// TestRejectedListsAreCounted: whether they cannot be read, or cannot be monitored.
func TestRejectedListsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newNetwork()
		w := f.watch(t, f.config(t, "tcp://a:7"))
		w.until(time.Second)
		f.taken()
		labelled, short := mustParse(t, "tcp://a:7"), mustParse(t, "tcp://b:7")
		labelled.Labels, short.Interval = map[string]string{"env": "prod"}, time.Millisecond
		lists := []List{
			{Err: errors.New("list:3: no port")},
			{Targets: []Target{labelled, mustParse(t, "tcp://a:7")}},
			{Targets: []Target{short}},
			{Targets: []Target{{URL: "unix:///a", Dial: dial.Target{Network: "unix", Source: addrs("10.0.0.1")[0]}}}},
		}
		for i, list := range lists {
			w.changes <- list
			synctest.Wait()
			if got := w.Snapshot(); got.RejectedLists != uint64(i+1) || !got.Outdated || len(got.Targets) != 1 {
				t.Errorf("after list %d: got %d rejected, outdated %v, %d targets", i, got.RejectedLists, got.Outdated, len(got.Targets))
			}
		}
		w.changes <- List{Targets: []Target{mustParse(t, "tcp://a:7")}}
		synctest.Wait()
		if got := w.Snapshot(); got.RejectedLists != 4 || got.Outdated {
			t.Errorf("got %d rejected, outdated %v; want 4, and a valid list", got.RejectedLists, got.Outdated)
		}
	})
}
