package cli

import (
	"echod/internal/usage"

	"github.com/spf13/cobra"
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

// words completes a flag that takes one of them.
func words(list []string) cobra.CompletionFunc {
	return cobra.FixedCompletions(list, cobra.ShellCompDirectiveNoFileComp)
}
