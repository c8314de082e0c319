package engines_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

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

func TestAutoPicksAnEngineThatServesHere(t *testing.T) {
	if err := engines.Auto().Probe(); err != nil {
		t.Errorf("Probe: got %v, want nil", err)
	}
}

func TestAnUnknownEngineIsAnsweredWithTheNearest(t *testing.T) {
	tests := []struct{ name, want string }{
		{"nte", `unknown engine "nte": did you mean "net"? there are auto, net`},
		{"NET", `unknown engine "NET": did you mean "net"? there are auto, net`},
		{"uring", `unknown engine "uring": there are auto, net`},
		{"", `unknown engine "": there are auto, net`},
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
