// Command dist makes everything that is published of a version of echod: archives, packages
// and images, with their bill of materials and their checksums. The same commit and the same
// version of Go give the same bytes, on every machine and in every folder.
//
// Run it as "make dist". It needs Go, git, and a tree without changes that are not committed.
// MAINTAINER in the environment is the maintainer of the packages.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

func main() {
	out := flag.String("out", "../bin/dist", "the folder to write to; what dist wrote there before is deleted")
	dirty := flag.Bool("dirty", false, "accept a tree with changes that are not committed")
	only := flag.String("only", "", "make only what is for this `platform`, e.g. linux-amd64")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "dist: takes no argument, got %q\n", flag.Args())
		os.Exit(2)
	}
	if err := run(*out, *dirty, *only); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

// run makes all files, and then replaces those in the folder out. After an error, the folder
// is as it was.
func run(out string, dirty bool, only string) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	chosen := slices.DeleteFunc(slices.Clone(platforms), func(p platform) bool { return only != "" && p.String() != only })
	if len(chosen) == 0 {
		return fmt.Errorf("-only %s: want one of %v", only, platforms)
	}
	old, err := written(out)
	if err != nil {
		return err
	}
	r, err := releaseOf("..", dirty)
	if err != nil {
		return err
	}
	stage, err := os.MkdirTemp("", "echod-dist-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	made := filepath.Join(stage, "out")
	if err := os.Mkdir(made, 0o755); err != nil {
		return err
	}
	if err := r.all(made, stage, chosen); err != nil {
		return err
	}
	if err := sums(made); err != nil {
		return err
	}
	for _, name := range old {
		if err := os.Remove(filepath.Join(out, name)); err != nil {
			return err
		}
	}
	return os.CopyFS(out, os.DirFS(made))
}

// all makes the files for these platforms, in the folder out.
func (r release) all(out, stage string, chosen []platform) error {
	if err := r.download(); err != nil {
		return err
	}
	common, err := r.common(stage)
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(runtime.NumCPU())
	for _, p := range chosen {
		group.Go(func() error {
			fmt.Fprintln(os.Stderr, "echod", r.version.file, p)
			if err := r.platform(out, filepath.Join(stage, p.String()), p, common); err != nil {
				return fmt.Errorf("%s: %w", p, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// platform makes the files for a platform.
func (r release) platform(out, stage string, p platform, c common) error {
	if err := os.Mkdir(stage, 0o755); err != nil {
		return err
	}
	binary, err := r.build(p, stage)
	if err != nil {
		return err
	}
	if err := r.archive(out, p, binary, c.documents); err != nil {
		return err
	}
	if err := r.materials(out, stage, p, c.lister); err != nil {
		return err
	}
	if p.os != "linux" {
		return nil
	}
	if err := r.packages(out, stage, p, binary, c.documents); err != nil {
		return err
	}
	return r.image(out, p, binary, c.documents)
}

// written lists what dist has written to a folder before: SHA256SUMS, and what is in it. Other
// files are an error, because dist deletes what it finds.
func written(out string) ([]string, error) {
	entries, err := os.ReadDir(out)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	list, _ := os.ReadFile(filepath.Join(out, sumsFile)) // without it, no file is ours
	ours := []string{sumsFile}
	for line := range strings.Lines(string(list)) {
		if _, name, ok := strings.Cut(strings.TrimSpace(line), "  "); ok {
			ours = append(ours, name)
		}
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() || !slices.Contains(ours, e.Name()) {
			return nil, fmt.Errorf("%s has %s, which dist did not write: delete it, or use -out with another folder", out, e.Name())
		}
		names = append(names, e.Name())
	}
	return names, nil
}
