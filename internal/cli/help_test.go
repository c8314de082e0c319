package cli

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// testRoot is the command line of a process that does nothing.
func testRoot() *cobra.Command {
	return newRoot(&Process{Getenv: func(string) string { return "" }})
}

// runEchod runs a command line in this process.
func runEchod(t *testing.T, args ...string) (code Code, answer, complaint string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = Run(t.Context(), Process{Args: args, Stdout: &stdout, Stderr: &stderr, Getenv: func(string) string { return "" }})
	return code, stdout.String(), stderr.String()
}

// helpFlag matches the start of an entry of help: the short flag and the long one.
var helpFlag = regexp.MustCompile(`(?m)^  (?:-(\w), )?--([a-z0-9-]+)`)

func TestHelpListsEveryFlagWithItsShortForm(t *testing.T) {
	for _, cmd := range verbsOf(testRoot()) {
		if cmd.Hidden {
			continue
		}
		t.Run(cmd.Name(), func(t *testing.T) {
			want, got := map[string]string{}, map[string]string{}
			cmd.Flags().VisitAll(func(f *pflag.Flag) { want[f.Name] = f.Shorthand })
			delete(want, "help")
			for _, match := range helpFlag.FindAllStringSubmatch(helpFor(cmd), -1) {
				got[match[2]] = match[1]
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("flags (-of the verb +in help)\n%s", diff)
			}
		})
	}
}

// shortFlags maps each short flag to its long forms, which have one meaning: -c is how
// many there are of what the verb makes.
var shortFlags = map[string][]string{
	"I": {"interface"},
	"M": {"pmtudisc"},
	"Q": {"tos"},
	"4": {"ipv4"},
	"6": {"ipv6"},
	"c": {"count", "conns"},
	"d": {"duration"},
	"h": {"help"},
	"i": {"interval"},
	"k": {"tls-insecure"},
	"n": {"messages"},
	"o": {"output"},
	"q": {"quiet"},
	"r": {"rate"},
	"s": {"size"},
	"v": {"verbose"},
	"W": {"timeout"},
	"w": {"deadline"},
}

func TestShortFlagMeansTheSameInEveryVerb(t *testing.T) {
	short := map[string]string{}
	for letter, names := range shortFlags {
		for _, name := range names {
			short[name] = letter
		}
	}
	for _, cmd := range verbsOf(testRoot()) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			want := short[f.Name]
			if cmd.Name() == "check" && f.Name == "conns" {
				want = "" // it is the size of one rule
			}
			if f.Shorthand != want {
				t.Errorf("%s --%s: got -%s, want -%s", cmd.Name(), f.Name, f.Shorthand, want)
			}
		})
	}
}

// defaultIn returns the default that a help text gives for a flag.
func defaultIn(help, flag string) string {
	for _, block := range parseHelp(help) {
		if block.kind != entry || !regexp.MustCompile(`--`+flag+`( |\[|$)`).MatchString(block.term) {
			continue
		}
		if match := regexp.MustCompile(`Default (\S+?)[.,:]?(\s|$)`).FindStringSubmatch(block.text); match != nil {
			return match[1]
		}
	}
	return ""
}

func TestHelpGivesTheDefaultOfEveryFlag(t *testing.T) {
	for _, cmd := range verbsOf(testRoot()) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			want := f.DefValue
			if f.Value.Type() == "bool" {
				want = "" // off, or the text says so
			}
			if got := defaultIn(helpFor(cmd), f.Name); got != want {
				t.Errorf("%s --%s: help has %q, the flag %q", cmd.Name(), f.Name, got, want)
			}
		})
	}
}

func TestHelpListsEveryVerbWithItsDescription(t *testing.T) {
	root := testRoot()
	texts := map[string]string{}
	for _, block := range parseHelp(helpFor(root)) {
		if block.kind == entry {
			texts[block.term] = block.text
		}
	}
	for _, cmd := range root.Commands() {
		if !cmd.Hidden && texts[cmd.Name()] != cmd.Short {
			t.Errorf("%s: help has %q, the verb %q", cmd.Name(), texts[cmd.Name()], cmd.Short)
		}
	}
}

func TestHelpOfEveryVerbHasUsageExamplesAndExitCodes(t *testing.T) {
	root := testRoot()
	for _, cmd := range append(verbsOf(root), root) {
		if cmd.Hidden {
			continue
		}
		for _, want := range []string{"Usage:", "Examples:", "Exit codes:"} {
			if !strings.Contains(helpFor(cmd), "\n"+want+"\n") {
				t.Errorf("%s: help has no %s", cmd.Name(), want)
			}
		}
		if found := strings.Contains(helpFor(cmd), "\nEnvironment:\n"); found != (cmd == root || cmd.PreRunE != nil) {
			t.Errorf("%s: help lists variables: %v; the verb reads them: %v", cmd.Name(), found, !found)
		}
	}
}

// TestHelpFitsTheWidth: no line is wider than the terminal, except examples, and words
// that are wider themselves.
func TestHelpFitsTheWidth(t *testing.T) {
	root := testRoot()
	for _, width := range []int{40, 80, 200} {
		for _, cmd := range append(verbsOf(root), root) {
			if cmd.Hidden {
				continue
			}
			for _, block := range parseHelp(helpFor(cmd)) {
				for line := range strings.Lines(block.render(width)) {
					line = strings.TrimSuffix(line, "\n")
					limit := width
					if block.kind == verbatim || block.kind == heading {
						limit = 80
					}
					if utf8.RuneCountInString(line) > limit && len(strings.Fields(line)) > 1 {
						t.Errorf("%s, %d columns: a line of %d: %s", cmd.Name(), width, len(line), line)
					}
				}
			}
		}
	}
}

func TestHelpFoldsTextAndLeavesExamplesAlone(t *testing.T) {
	const help = `A paragraph of some words
on two lines.

Usage:

    echod ping [flags] a very long example

  -c, --count N    stop after
                   this many
  --long
                   two words
`
	tests := []struct {
		width int
		want  string
	}{
		{80, `A paragraph of some words on two lines.

Usage:

    echod ping [flags] a very long example

  -c, --count N    stop after this many
  --long                 two words
`},
		{24, `A paragraph of some
words on two lines.

Usage:

    echod ping [flags] a very long example

  -c, --count N
      stop after this
      many
  --long
      two words
`},
	}
	for _, tt := range tests {
		var got strings.Builder
		for _, block := range parseHelp(help) {
			got.WriteString(block.render(tt.width))
		}
		if diff := cmp.Diff(tt.want, got.String()); diff != "" {
			t.Errorf("%d columns (-want +got):\n%s", tt.width, diff)
		}
	}
}

func TestManPageHasAllOfHelp(t *testing.T) {
	root := testRoot()
	for _, cmd := range append(verbsOf(root), root) {
		if cmd.Hidden {
			continue
		}
		var page bytes.Buffer
		if err := writeMan(&page, cmd); err != nil {
			t.Fatal(err)
		}
		plain := strings.NewReplacer(`\-`, "-", `\&`, "", `\e`, `\`, `\fB`, "", `\fR`, "").Replace(page.String())
		for _, block := range parseHelp(helpFor(cmd)) {
			for _, text := range []string{block.term, block.text} {
				if block.kind == heading {
					text = strings.ToUpper(strings.TrimSuffix(text, ":"))
				}
				if text != "USAGE" && !strings.Contains(plain, strings.TrimPrefix(text, "    ")) {
					t.Errorf("%s: the man page lacks %q", cmd.Name(), text)
				}
			}
		}
		for _, want := range []string{".TH ECHOD", ".SH NAME\n", ".SH SYNOPSIS\n", ".SH EXAMPLES\n", ".SH EXIT CODES\n", ".SH SEE ALSO\n"} {
			if !strings.Contains(page.String(), want) {
				t.Errorf("%s: the man page lacks %q", cmd.Name(), want)
			}
		}
	}
}

func TestVersionFlagIsShortAndLong(t *testing.T) {
	want := fmt.Sprintf("echod %s\n", thisBuild().brief())
	for _, flag := range []string{"-v", "--version"} {
		if code, got, _ := runEchod(t, flag); code != OK || got != want {
			t.Errorf("%s: got %q, exit %d; want %q", flag, got, code, want)
		}
	}
}
