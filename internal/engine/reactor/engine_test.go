//go:build linux

package reactor

import (
	"testing"

	"echod/internal/engine/enginetest"
	"echod/internal/sys"
)

func TestMain(m *testing.M) { enginetest.Main(m, All(&sys.Linux{})...) }

func TestEngine(t *testing.T) {
	for _, e := range All(&sys.Linux{}) {
		t.Run(e.Name(), func(t *testing.T) { enginetest.Run(t, e) })
	}
}

func TestTracedEngineKeepsItsPromises(t *testing.T) {
	for _, e := range All(&sys.Linux{}) {
		t.Run(e.Name(), func(t *testing.T) { enginetest.RunTraced(t, e) })
	}
}
