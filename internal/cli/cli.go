// Package cli is the command line: one file a verb. Answers go to standard
// output, complaints and the log to standard error; exit codes are [Code]s.
//
// The text of each --help is written by hand, in the directory help; a test
// holds it against the flags that there really are.
package cli

import (
	"context"
	"embed"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"echod/internal/nearest"
	"echod/internal/oplog"
	"echod/internal/usage"
)

// Process is what a command line may touch of the process it runs in.
type Process struct {
	Args   []string // without the program's name
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string

	log *oplog.Log // of a verb that has one
}

// Main runs the command line of this process and returns its exit code.
func Main() int {
	return int(Run(context.Background(), Process{
		Args:   os.Args[1:],
		Stdout: os.Stdout,
		Stderr: os.Stderr,
		Getenv: os.Getenv,
	}))
}

// Run runs one command line. It returns when the verb is done, or ctx ends.
func Run(ctx context.Context, p Process) Code {
	root := newRoot(&p)
	root.SetArgs(p.Args)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	err := root.ExecuteContext(ctx)
	code := complain(p.Stderr, err) // which may be the log by now
	p.closeLog()
	return code
}

//go:embed help/*.txt
var helpTexts embed.FS

// newRoot is the whole command line as cobra knows it. Errors come back from
// Execute; cobra prints none.
func newRoot(p *Process) *cobra.Command {
	root := &cobra.Command{
		Use:           "echod",
		Short:         "an echo service you can trust, and the tool that tests the path to one",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownVerb,
		RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprint(cmd.ErrOrStderr(), helpFor(cmd))
			return &exitError{code: Usage}
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(&cobra.Command{Use: "help", Hidden: true, Args: cobra.ArbitraryArgs, RunE: help})
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { fmt.Fprint(cmd.OutOrStdout(), helpFor(cmd)) })
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newServe(p), newCheck(p), newAgent(p), newSelftest(p), newBench(p), newReport(p), newPing(p), newWatch(p), newCert(p), newEngines(p), newVersion(p), newCompletion(), newMan())
	for _, cmd := range append(root.Commands(), root) {
		cmd.DisableAutoGenTag = true
		cmd.Long, cmd.Example = manParts(helpFor(cmd))
	}
	return root
}

// manParts are what man pages take over from a help text: what stands before
// its usage, and its examples.
func manParts(text string) (long, example string) {
	long, rest, _ := strings.Cut(text, "\nUsage:\n")
	_, rest, _ = strings.Cut(rest, "\nExamples:\n\n")
	for line := range strings.Lines(rest) {
		if line != "\n" && !strings.HasPrefix(line, " ") {
			break
		}
		example += line
	}
	return strings.TrimSpace(long), strings.TrimRight(example, "\n")
}

// helpFor is the hand-written help of a verb, or of echod itself.
func helpFor(cmd *cobra.Command) string {
	text, err := helpTexts.ReadFile("help/" + cmd.Name() + ".txt")
	if err != nil {
		return cmd.UsageString()
	}
	return string(text)
}

// help is the verb for those who type "echod help serve".
func help(cmd *cobra.Command, args []string) error {
	found, rest, err := cmd.Root().Find(args)
	if err != nil || len(rest) > 0 {
		return knownVerb(cmd.Root(), args)
	}
	_, err = fmt.Fprint(cmd.OutOrStdout(), helpFor(found))
	return err
}

// knownVerb refuses words that are no verb, and names the verb that was meant.
func knownVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var verbs []string
	for _, verb := range cmd.Root().Commands() {
		if !verb.Hidden {
			verbs = append(verbs, verb.Name())
		}
	}
	return usage.New(fmt.Sprintf("unknown verb %q", args[0]), suggest(args[0], verbs, "echod --help lists the verbs"))
}

// noArgs is for verbs that take flags alone.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage.New(fmt.Sprintf("%s takes no argument, got %q", cmd.Name(), args[0]), "echod "+cmd.Name()+" --help shows its flags")
}

// flagError says pflag's errors in the manner of the house.
func flagError(cmd *cobra.Command, err error) error {
	help := strings.TrimSpace(cmd.CommandPath()) + " --help lists the flags"
	switch err := err.(type) {
	case *pflag.NotExistError:
		name := err.GetSpecifiedName()
		if err.GetSpecifiedShortnames() != "" {
			return usage.New("unknown flag -"+name, help)
		}
		return usage.New("unknown flag --"+name, suggest("--"+name, flagNames(cmd), help))
	case *pflag.ValueRequiredError:
		return usage.New("--"+err.GetSpecifiedName()+" needs a value", help)
	case *pflag.InvalidValueError:
		return badValue("--"+err.GetFlag().Name, err.GetFlag(), err.GetValue(), err.Unwrap())
	}
	return usage.New(err.Error(), help)
}

func flagNames(cmd *cobra.Command) []string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	return names
}

// suggest asks whether the word nearest to got was meant; none being near, it
// says otherwise.
func suggest(got string, words []string, otherwise string) string {
	if meant, ok := nearest.Word(got, words); ok {
		return "did you mean " + meant + "?"
	}
	return otherwise
}
