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
	seeds = flag.Int("seeds", 1000, "how many seeds to play")
	first = flag.Uint64("first", 1, "the first of them")
	one   = flag.Uint64("seed", 0, "play this seed alone, and print its plan")
)

// TestPromisesHoldForEverySeed plays the seeds that once failed, and then new ones.
func TestPromisesHoldForEverySeed(t *testing.T) {
	path := socketPath(t)
	if *one != 0 {
		p := draw(*one)
		t.Log(p)
		tryPlan(t, p, path)
		return
	}
	for _, seed := range corpus(t) {
		tryPlan(t, draw(seed), path)
	}
	for seed := *first; seed < *first+uint64(*seeds) && !t.Failed(); seed++ {
		tryPlan(t, draw(seed), path)
	}
}

// tryPlan plays a plan. One that fails is shrunk and printed.
func tryPlan(t *testing.T, p plan, path string) {
	t.Helper()
	hangs := time.AfterFunc(5*time.Minute, func() { panic(fmt.Sprintf("it does not end:\n%s", p)) })
	defer hangs.Stop()
	if len(play(t, p, path)) == 0 {
		return
	}
	small := shrink(p, func(p plan) bool { return len(play(t, p, path)) > 0 })
	t.Errorf("%s%s", small, strings.Join(play(t, small, path), "\n"))
}

// corpus is the seeds in testdata/seeds.txt: one on a line, and what it found.
func corpus(t *testing.T) (seeds []uint64) {
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

// socketPath is where the unix sockets of the services are.
func socketPath(t *testing.T) string {
	dir, err := os.MkdirTemp("", "echo") // the path of a socket has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}
