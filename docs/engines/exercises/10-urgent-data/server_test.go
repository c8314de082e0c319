//go:build linux

package main

import (
	"testing"

	"echod/docs/engines/exercises/judge"
)

func TestMain(m *testing.M) { judge.Main(m, main) }

func TestServer(t *testing.T) {
	judge.Start(t).Check(t, "stream/urgent")
}
