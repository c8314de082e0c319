// Package cli is the command line: one file for each verb, and the flags, values,
// errors and output that they share. Answers go to standard output, errors and the log
// to standard error; exit codes are [Code]s.
//
// The text of each --help is written by hand, in the directory help. A test compares
// it with the flags.
package cli

import (
	"context"
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

// Process is what a command line uses of the process it runs in.
type Process struct {
	Args    []string // without the program's name
	Stdout  io.Writer
	Stderr  io.Writer
	Getenv  func(string) string
	Environ []string // as of os.Environ; nil: unknown variables are not looked for
	Own     bool     // whether it is the whole process, so that a verb may confine it

	quiet bool       // --quiet, of a verb that has it
	log   *oplog.Log // of a verb that has one
}

// Main runs the command line of this process and returns its exit code.
func Main() int {
	return int(Run(context.Background(), Process{
		Args:    os.Args[1:],
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
		Getenv:  os.Getenv,
		Environ: os.Environ(),
		Own:     true,
	}))
}

// Run runs one command line. It returns when the verb is done, or ctx ends.
func Run(ctx context.Context, p Process) Code {
	root := newRoot(&p)
	root.SetArgs(p.Args)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	err := root.ExecuteContext(ctx)
	code := complain(p.Stderr, err) // the log writes to p.Stderr, if there is one
	p.closeLog()
	return code
}

// newRoot returns the whole command line. Cobra prints no errors: Execute returns
// them.
func newRoot(p *Process) *cobra.Command {
	root := &cobra.Command{
		Use:           "echod",
		Short:         "an echo service, and a tool that checks the path to one",
		Version:       thisBuild().brief(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownVerb,
		RunE: func(cmd *cobra.Command, _ []string) error {
			writeHelp(p.Stderr, cmd)
			return &exitError{code: Usage}
		},
	}
	root.SetVersionTemplate("echod {{.Version}}\n")
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(&cobra.Command{Use: "help", Hidden: true, Args: cobra.ArbitraryArgs, RunE: func(_ *cobra.Command, args []string) error {
		cmd, err := findVerb(root, args)
		if err == nil {
			err = writeHelp(p.Stdout, cmd)
		}
		return err
	}})
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { writeHelp(p.Stdout, cmd) })
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return flagError(cmd, p.Args, err) })
	verbs := []*cobra.Command{newCheck(p), newServe(p), newAgent(p), newBench(p), newPing(p), newWatch(p), newReport(p), newCert(p), newSelftest(p)}
	root.AddCommand(verbs...)
	for _, verb := range verbsOf(root) {
		verb.PreRunE = func(cmd *cobra.Command, _ []string) error {
			if err := unknownVariable(root, p.Environ); err != nil {
				return err
			}
			return readVariables(cmd.Flags(), p.Getenv)
		}
	}
	root.AddCommand(newEngines(p), newVersion(p), newCompletion(), newMan())
	for _, verb := range verbsOf(root) {
		completeFlags(verb)
	}
	return root
}

// verbsOf returns all verbs below cmd, each before its own, e.g. bench before bench worker.
func verbsOf(cmd *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, verb := range cmd.Commands() {
		all = append(append(all, verb), verbsOf(verb)...)
	}
	return all
}

// verbName returns the words of a verb on the command line, e.g. bench worker.
func verbName(cmd *cobra.Command) string { return strings.TrimPrefix(cmd.CommandPath(), "echod ") }

// findVerb returns the command that args name, echod itself if there are none.
func findVerb(root *cobra.Command, args []string) (*cobra.Command, error) {
	found, rest, err := root.Find(args)
	if err != nil || len(rest) > 0 {
		return nil, knownVerb(root, args)
	}
	return found, nil
}

// verbNames are the verbs that help lists.
func verbNames(root *cobra.Command) []string {
	var names []string
	for _, verb := range root.Commands() {
		if !verb.Hidden {
			names = append(names, verb.Name())
		}
	}
	return names
}

// knownVerb returns an error for words that are no verb.
func knownVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	names := verbNames(cmd.Root())
	return usage.New(fmt.Sprintf("unknown verb %q", args[0]), "want "+withSuggestion(args[0], names, orList(names)))
}

// noArgs is for verbs that have flags only.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "echod " + verbName(cmd) + " --help lists its flags"
	cmd.Flags().Visit(func(f *pflag.Flag) {
		// The value of such a flag is optional, so pflag took the next word for an argument.
		if f.Value.Type() != "bool" && f.NoOptDefVal != "" {
			hint = "the value of --" + f.Name + " follows a =: --" + f.Name + "=" + args[0]
		}
	})
	return usage.New(fmt.Sprintf("%s takes no argument, got %q", verbName(cmd), args[0]), hint)
}

// oneURL is for verbs that have one URL.
func oneURL(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return usage.New(fmt.Sprintf("%s takes one URL, got %d", cmd.Name(), len(args)), "e.g. echod "+cmd.Name()+" tcp://localhost:8080")
}

// flagError returns pflag's errors in our words.
func flagError(cmd *cobra.Command, args []string, err error) error {
	help := strings.TrimSpace(cmd.CommandPath()) + " --help lists the flags"
	for _, arg := range args {
		// Some tools have long flags with one dash, which pflag reads as short ones.
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "-"), "=")
		if strings.HasPrefix(arg, "-") && len(name) > 1 && cmd.Flags().Lookup(name) != nil {
			return usage.New("unknown flag -"+name, "did you mean --"+name+"?")
		}
	}
	switch err := err.(type) {
	case *pflag.NotExistError:
		name := err.GetSpecifiedName()
		if err.GetSpecifiedShortnames() != "" {
			return usage.New("unknown flag -"+name, shortSuggestion(cmd, name, help))
		}
		return usage.New("unknown flag --"+name, suggest("--"+name, flagNames(cmd), help))
	case *pflag.ValueRequiredError:
		return usage.New("--"+err.GetFlag().Name+" needs a value", help)
	case *pflag.InvalidValueError:
		return badValue("--"+err.GetFlag().Name, err.GetFlag(), err.GetValue(), err.Unwrap())
	}
	return usage.New(err.Error(), help)
}

// shortSuggestion suggests -w to those who write -W, and otherwise says help.
func shortSuggestion(cmd *cobra.Command, name, help string) string {
	suggestion := help
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Shorthand != "" && strings.EqualFold(f.Shorthand, name) {
			suggestion = fmt.Sprintf("did you mean -%s (--%s)?", f.Shorthand, f.Name)
		}
	})
	return suggestion
}

func flagNames(cmd *cobra.Command) []string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	return names
}

// suggest asks whether the word nearest to got was meant. If none is near, it says
// otherwise.
func suggest(got string, words []string, otherwise string) string {
	if meant, ok := nearest.Word(got, words); ok {
		return "did you mean " + meant + "?"
	}
	return otherwise
}

// withSuggestion adds to valid the one of words that is nearest to got, if any is near.
func withSuggestion(got string, words []string, valid string) string {
	if meant, ok := nearest.Word(got, words); ok {
		return valid + " (did you mean " + meant + "?)"
	}
	return valid
}
