package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"echod/internal/usage"
)

func newCompletion() *cobra.Command {
	return &cobra.Command{
		Use:       "completion SHELL",
		Short:     "print a completion script for bash, zsh, fish or powershell",
		ValidArgs: shells,
		Args:      oneShell,
		RunE: func(cmd *cobra.Command, args []string) error {
			out := cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return cmd.Root().GenBashCompletionV2(out, true)
			case "zsh":
				return cmd.Root().GenZshCompletion(out)
			case "fish":
				return cmd.Root().GenFishCompletion(out, true)
			default:
				return cmd.Root().GenPowerShellCompletionWithDesc(out)
			}
		},
	}
}

// shells are those that cobra writes scripts for.
var shells = []string{"bash", "zsh", "fish", "powershell"}

func oneShell(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage.New("completion needs the name of one shell", "want "+orList(shells))
	}
	if err := oneOf(args[0], shells); err != nil {
		return usage.New("unknown shell "+args[0], err.Error())
	}
	return nil
}

// completeFlags completes the values of the flags of a verb: words, file names with the
// right extension, and nothing where a value is to be typed. No verb takes the name of a
// file as its argument, unless it says so.
func completeFlags(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil && cmd.ValidArgs == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		switch {
		case f.Value.Type() == "bool":
		case f.Name == "dir":
			cmd.MarkFlagDirname(f.Name)
		case strings.HasPrefix(f.Name, "tls-") && f.Value.Type() == "string" && f.Name != "tls-server-name":
			cmd.MarkFlagFilename(f.Name, "pem", "crt", "key")
		case f.Value.Type() == "string" && f.Name != "tls-server-name" && f.Name != "admin":
			cmd.MarkFlagFilename(f.Name)
		default:
			var words []string
			if value, ok := f.Value.(interface{ Words() []string }); ok {
				words = value.Words()
			}
			cmd.RegisterFlagCompletionFunc(f.Name, completeWords(words))
		}
	})
}

// completeURL completes the argument of a verb that takes URLs.
var completeURL = completeWords(schemes)

// completeWords completes words. Nothing follows a word that ends in a letter or a digit;
// the others are beginnings, e.g. tcp:// and p99<.
func completeWords(words []string) cobra.CompletionFunc {
	directive := cobra.ShellCompDirectiveNoFileComp
	if slices.ContainsFunc(words, func(word string) bool { return strings.ContainsAny(word[len(word)-1:], "/<>") }) {
		directive |= cobra.ShellCompDirectiveNoSpace
	}
	return cobra.FixedCompletions(words, directive)
}
