package cli

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// testRoot is the command line with nobody behind it.
func testRoot() *cobra.Command {
	return newRoot(&Process{Getenv: func(string) string { return "" }})
}

var flagLine = regexp.MustCompile(`(?m)^  --([a-z-]+)`)

func TestHelpListsTheFlagsThatThereAre(t *testing.T) {
	for _, cmd := range testRoot().Commands() {
		if cmd.Hidden {
			continue
		}
		t.Run(cmd.Name(), func(t *testing.T) {
			want, got := map[string]bool{}, map[string]bool{}
			cmd.Flags().VisitAll(func(f *pflag.Flag) { want[f.Name] = f.Name != "help" })
			delete(want, "help")
			for _, match := range flagLine.FindAllStringSubmatch(helpFor(cmd), -1) {
				got[match[1]] = true
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("flags that there are and flags in help (-are +help)\n%s", diff)
			}
		})
	}
}

// defaultIn matches the default that a help text tells of a flag.
func defaultIn(help, flag string) string {
	_, rest, _ := strings.Cut(help, "\n  --"+flag+" ")
	if i := strings.Index(rest, "\n  --"); i >= 0 {
		rest = rest[:i]
	}
	match := regexp.MustCompile(`Default (\S+?)[.,:]?\s`).FindStringSubmatch(rest + "\n")
	if match == nil {
		return ""
	}
	return match[1]
}

func TestHelpTellsTheDefaultsThatThereAre(t *testing.T) {
	for _, cmd := range testRoot().Commands() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			got := defaultIn(helpFor(cmd), f.Name)
			want := f.DefValue
			switch {
			case want == "0s":
				want = "0"
			case f.Value.Type() == "bool":
				want = "" // off, until it is named
			}
			if got != want {
				t.Errorf("%s --%s: help says %q, it is %q", cmd.Name(), f.Name, got, want)
			}
		})
	}
}

func TestHelpListsTheVerbsThatThereAre(t *testing.T) {
	root := testRoot()
	for _, cmd := range root.Commands() {
		if !cmd.Hidden && !strings.Contains(helpFor(root), "\n  "+cmd.Name()+" ") {
			t.Errorf("help does not list %s", cmd.Name())
		}
		if !cmd.Hidden && !strings.Contains(helpFor(root), "  "+cmd.Short+"\n") {
			t.Errorf("help says of %s something else than %q", cmd.Name(), cmd.Short)
		}
	}
}

func TestHelpFitsATerminal(t *testing.T) {
	for _, cmd := range append(testRoot().Commands(), testRoot()) {
		for line := range strings.Lines(helpFor(cmd)) {
			if len(strings.TrimSuffix(line, "\n")) > 82 {
				t.Errorf("%s: a line of %d letters: %s", cmd.Name(), len(line)-1, line)
			}
		}
	}
}

// TestExamplesOfServeAreRight parses the flags of each example that is shown.
func TestExamplesOfServeAreRight(t *testing.T) {
	seen := 0
	for line := range strings.Lines(helpFor(newServe(&Process{}))) {
		args, found := strings.CutPrefix(strings.TrimSpace(line), "$ echod serve ")
		if !found {
			continue
		}
		seen++
		serve := newServe(&Process{})
		if err := serve.ParseFlags(strings.Fields(strings.ReplaceAll(args, "'", ""))); err != nil {
			t.Errorf("%s: %v", args, err)
		}
	}
	if seen == 0 {
		t.Error("no example was found")
	}
}
