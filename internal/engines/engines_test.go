package engines_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"echod/internal/engine"
	"echod/internal/engines"
)

func TestLookupFindsEveryEngineByItsName(t *testing.T) {
	for _, want := range engines.All() {
		got, err := engines.Lookup(want.Name())
		if err != nil || got.Name() != want.Name() {
			t.Errorf("Lookup(%q): got %v, %v", want.Name(), got, err)
		}
	}
	if got, err := engines.Lookup("auto"); err != nil || got.Name() != engines.Auto().Name() {
		t.Errorf("Lookup(auto): got %v, %v, want %s", got, err, engines.Auto().Name())
	}
}

func TestAllReturnsEveryEngineInTheOrderOfTheDocs(t *testing.T) {
	var got []string
	for _, e := range engines.All() {
		got = append(got, e.Name())
	}
	if diff := cmp.Diff([]string{"net", "select", "poll", "epoll"}, got); diff != "" {
		t.Errorf("engines (-want +got):\n%s", diff)
	}
}

func TestProbeSucceedsOrReturnsErrUnsupported(t *testing.T) {
	for _, e := range engines.All() {
		if err := e.Probe(); err != nil && !errors.Is(err, engine.ErrUnsupported) {
			t.Errorf("Probe of %s: got %v, want nil or %v", e.Name(), err, engine.ErrUnsupported)
		}
	}
}

func TestAutoIsAnEngineThatWorksHere(t *testing.T) {
	if err := engines.Auto().Probe(); err != nil {
		t.Errorf("Probe: got %v, want nil", err)
	}
}

func TestLookupOfAnUnknownNameSuggestsTheNearest(t *testing.T) {
	const all = "want auto, net, select, poll or epoll"
	tests := []struct{ name, want string }{
		{"nte", `unknown engine "nte": ` + all + ` (did you mean net?)`},
		{"EPOLL", `unknown engine "EPOLL": ` + all + ` (did you mean epoll?)`},
		{"pol", `unknown engine "pol": ` + all + ` (did you mean poll?)`},
		{"seletc", `unknown engine "seletc": ` + all + ` (did you mean select?)`},
		{"kqueue", `unknown engine "kqueue": ` + all},
		{"", `unknown engine "": ` + all},
	}
	for _, tt := range tests {
		_, err := engines.Lookup(tt.name)
		if err == nil {
			t.Errorf("Lookup(%q): got no error", tt.name)
			continue
		}
		if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
			t.Errorf("Lookup(%q) (-want +got):\n%s", tt.name, diff)
		}
	}
}
