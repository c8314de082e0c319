package gonet

import (
	"testing"

	"echod/internal/engine/enginetest"
)

func TestMain(m *testing.M) { enginetest.Main(m, New()) }

func TestEngine(t *testing.T) { enginetest.Run(t, New()) }
