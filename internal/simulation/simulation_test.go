//go:build linux

package simulation

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	seeds = flag.Int("seeds", 1000, "number of seeds to play")
	first = flag.Uint64("first", 1, "the first seed")
	one   = flag.Uint64("seed", 0, "play only this seed, print its plan, and keep its trace")
	dir   = flag.String("trace-dir", "", "where traces are kept; empty: the directory for temporary files")
)

// The seeds that once failed are played first, then new ones.
func TestPromisesHoldForEverySeed(t *testing.T) {
	path := socketPath(t)
	if *one != 0 {
		p := draw(*one)
		t.Log(p)
		tryPlan(t, p, path)
		return
	}
	for _, seed := range failedSeeds(t) {
		tryPlan(t, draw(seed), path)
	}
	for seed := *first; seed < *first+uint64(*seeds) && !t.Failed(); seed++ {
		tryPlan(t, draw(seed), path)
	}
}

// tryPlan plays a plan. If it fails, it is shrunk and printed, and its trace is kept.
func tryPlan(t *testing.T, p plan, path string) {
	t.Helper()
	hangs := time.AfterFunc(5*time.Minute, func() { panic(fmt.Sprintf("the run does not end:\n%s", p)) })
	defer hangs.Stop()
	if len(play(t, p, path, nil)) == 0 {
		if *one != 0 {
			_, kept := playRecorded(t, p, path)
			t.Log(kept)
		}
		return
	}
	small := shrink(p, func(p plan) bool { return len(play(t, p, path, nil)) > 0 })
	problems, kept := playRecorded(t, small, path)
	if len(problems) == 0 {
		problems = []string{"it has failed, but not when it was played for its trace: -count 20 plays it 20 times"}
	}
	t.Errorf("%s%s\n%s", small, strings.Join(problems, "\n"), kept)
}

// failedSeeds returns the seeds in testdata/seeds.txt: one on each line, then what it found.
func failedSeeds(t *testing.T) (seeds []uint64) {
	file, err := os.Open("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		word, _, _ := strings.Cut(lines.Text(), " ")
		if word == "" || word == "#" {
			continue
		}
		seed, err := strconv.ParseUint(word, 10, 64)
		if err != nil {
			t.Fatalf("testdata/seeds.txt: %v", err)
		}
		seeds = append(seeds, seed)
	}
	return seeds
}

// socketPath returns the path of the unix sockets of the services.
func socketPath(t *testing.T) string {
	dir, err := os.MkdirTemp("", "echo") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}
