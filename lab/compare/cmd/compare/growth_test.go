package main

import (
	"testing"

	"echod/lab/compare/internal/growth"
)

func TestOnlyKeptReportsChangeDocuments(t *testing.T) {
	for name, want := range map[string]bool{
		"../../results/2026-11-29-growth.json":       true,
		"../../results/quick-2026-11-29-growth.json": false,
		"results/2026-11-29-growth.json":             false,
		t.TempDir() + "/2026-11-29-growth.json":      false,
	} {
		repo, err := keptIn(t.Context(), name)
		if err != nil || (repo != "") != want {
			t.Errorf("%s: got %q and %v, want a repository: %v", name, repo, err, want)
		}
	}
}

func TestGrowthHasAServerForEachLine(t *testing.T) {
	servers := growthServers(programs{})
	for _, name := range growth.Servers {
		if servers[name].Name != name || len(servers[name].Argv) == 0 {
			t.Errorf("%s: got %+v", name, servers[name])
		}
	}
}
