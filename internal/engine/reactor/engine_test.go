//go:build linux

package reactor

import (
	"testing"

	"echod/internal/engine"
	"echod/internal/engine/enginetest"
	"echod/internal/sys"
)

func engines() []engine.Engine {
	return []engine.Engine{Select(&sys.Linux{}), Poll(&sys.Linux{}), Epoll(&sys.Linux{})}
}

func TestMain(m *testing.M) { enginetest.Main(m, engines()...) }

func TestEngine(t *testing.T) {
	for _, e := range engines() {
		t.Run(e.Name(), func(t *testing.T) { enginetest.Run(t, e) })
	}
}
