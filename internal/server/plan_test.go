package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/engine"
	"echod/internal/usage"
)

func TestPlanErrorNamesTheMistakeAndWhatIsValid(t *testing.T) {
	tests := []struct {
		name, urls string
		change     func(*Config, *fakeEngine)
		want       string
	}{
		{"nothing", "", nil,
			"there is nothing to listen on: name an address, e.g. tcp://:8080"},
		{"public udp", "udp://0.0.0.0:7", nil,
			"udp://0.0.0.0:7 would answer the whole network, forged senders included: add --udp-public if that is meant, or listen on udp://127.0.0.1:PORT"},
		{"scheme that the engine does not serve", "unix:///s", func(_ *Config, e *fakeEngine) { e.caps.Networks = []string{"tcp", "udp"} },
			"the first engine does not serve unix (unix:///s): it serves tcp, udp"},
		{"engine that this system does not support", "tcp://127.0.0.1:0", func(_ *Config, e *fakeEngine) { e.probe = fmt.Errorf("no epoll on plan9: %w", engine.ErrUnsupported) },
			"the first engine does not work here: no epoll on plan9: unsupported: echod engines lists those that do"},
		{"same port twice", "tcp://127.0.0.1:80 tcp://127.0.0.1:80", nil,
			"tcp://127.0.0.1:80 is listed twice: list it once"},
		{"same port twice on two engines", "tcp://127.0.0.1:80 tcp://localhost:80?engine=second", nil,
			"tcp://127.0.0.1:80 is listed twice: list it once"},
		{"same path twice", "unix:///s unix:///s", nil,
			"unix:///s is listed twice: list it once"},
		{"one port for tcp and tls", "tcp://127.0.0.1:80 tls://127.0.0.1:80", func(c *Config, _ *fakeEngine) { c.TLS = new(tls.Config) },
			"tls://127.0.0.1:80 is listed twice: list it once"},
		{"tls without a certificate", "tls://127.0.0.1:443", nil,
			"tls://127.0.0.1:443 needs a certificate: add --tls-cert FILE --tls-key FILE; for tests, echod cert makes both"},
		{"tls on an engine that does not serve it", "tls://127.0.0.1:443?engine=first", func(c *Config, e *fakeEngine) { c.TLS, e.caps.Networks = new(tls.Config), []string{"tcp"} },
			"the first engine does not serve tls (tls://127.0.0.1:443): crypto/tls needs Go's net package, which this engine does not use: omit ?engine=, then the second engine serves it"},
		{"loops without loops", "tcp://127.0.0.1:0", func(c *Config, e *fakeEngine) { c.Settings.Loops, e.caps.Loops = 2, false },
			"--loops has no effect with --engine first: omit it, or choose an engine that has loops"},
		{"busy poll without it", "tcp://127.0.0.1:0", func(c *Config, e *fakeEngine) { c.Settings.BusyPoll, e.caps.BusyPoll = time.Second, false },
			"--busy-poll has no effect with --engine first: omit it, or choose --engine epoll"},
		{"buffer above memory", "tcp://127.0.0.1:0", func(c *Config, _ *fakeEngine) { c.Settings.Buffer, c.Limits.MaxMemory = 8192, 4096 },
			"one connection's --buffer (8192 bytes) is more than --max-memory (4096) for all: lower --buffer or raise --max-memory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			first, second := all("first"), all("second")
			cfg := config(t, tt.urls, first, second)
			if tt.change != nil {
				tt.change(&cfg, first)
			}
			_, err := NewPlan(t.Context(), cfg)
			if _, ok := errors.AsType[*usage.Error](err); !ok || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			if n := len(first.servers) + len(second.servers); n > 0 {
				t.Errorf("%d servers were made", n)
			}
		})
	}
}

func TestProbeThatFailsIsNotAUsageError(t *testing.T) {
	e := all("first")
	e.probe = errBroken
	_, err := NewPlan(t.Context(), config(t, "tcp://127.0.0.1:0", e))
	if _, ok := errors.AsType[*usage.Error](err); ok || !errors.Is(err, errBroken) {
		t.Errorf("got %v, want the error of the probe, not a *usage.Error", err)
	}
}

func TestPlanAcceptsValidConfigurations(t *testing.T) {
	tests := []struct {
		name, urls string
		public     bool
	}{
		{"udp on loopback", "udp://127.0.0.1:7 udp://[::1]:7", false},
		{"public udp with UDPPublic", "udp://:7", true},
		{"free ports side by side", "tcp://127.0.0.1:0 tcp://127.0.0.1:0", false},
		{"one port for streams and datagrams", "tcp://127.0.0.1:7 udp://127.0.0.1:7", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config(t, tt.urls, all("first"))
			cfg.UDPPublic = tt.public
			if _, err := NewPlan(t.Context(), cfg); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTLSListenersUseTLSEngine: only tls listeners get the TLS configuration.
func TestTLSListenersUseTLSEngine(t *testing.T) {
	plain, secure := all("first"), all("second")
	plain.caps.Networks = []string{"tcp", "udp", "unix"}
	cfg := config(t, "tcp://127.0.0.1:1 tls://127.0.0.1:2 tcp://127.0.0.1:3?engine=second tls://127.0.0.1:4?engine=second", plain, secure)
	cfg.TLS = new(tls.Config)
	got := make(map[string]string)
	for _, g := range mustPlan(t, cfg).groups {
		for _, ln := range g.listeners {
			got[ln.Spec.String()] = g.engine.Name()
			if shows := ln.TLS == cfg.TLS; shows != (ln.Spec.Network == "tls") {
				t.Errorf("%s: has the TLS configuration: %v", ln.Spec, shows)
			}
		}
	}
	want := map[string]string{
		"tcp://127.0.0.1:1": "first", "tls://127.0.0.1:2": "second",
		"tcp://127.0.0.1:3": "second", "tls://127.0.0.1:4": "second",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPlanGroupsListenersByEngine(t *testing.T) {
	cfg := config(t, "tcp://127.0.0.1:1?engine=b tcp://127.0.0.1:2 tcp://127.0.0.1:3?engine=b udp://127.0.0.1:4?engine=a", all("a"), all("b"))
	got := make(map[string][]string)
	for _, g := range mustPlan(t, cfg).groups {
		for _, ln := range g.listeners {
			got[g.engine.Name()] = append(got[g.engine.Name()], ln.Spec.String())
		}
	}
	want := map[string][]string{
		"a": {"tcp://127.0.0.1:2", "udp://127.0.0.1:4"},
		"b": {"tcp://127.0.0.1:1", "tcp://127.0.0.1:3"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
