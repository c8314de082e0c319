package cli

import (
	"strings"

	"github.com/spf13/pflag"
)

// variable is the name of the variable that stands in for a flag:
// --max-conns is ECHOD_MAX_CONNS.
func variable(flag string) string {
	return "ECHOD_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// readVariables sets every flag that was not given from its variable. An empty
// variable is as good as none. Other variables that begin with ECHOD_ are left
// alone: Kubernetes makes some for a service of that name.
func readVariables(flags *pflag.FlagSet, getenv func(string) string) error {
	var first error
	flags.VisitAll(func(f *pflag.Flag) {
		value := getenv(variable(f.Name))
		if first != nil || f.Changed || value == "" || f.Name == "help" {
			return
		}
		if err := setVariable(f, value); err != nil {
			first = badValue(variable(f.Name), f, value, err)
		}
	})
	return first
}

func setVariable(f *pflag.Flag, value string) error {
	if list, ok := f.Value.(interface{ SetVariable(string) error }); ok {
		return list.SetVariable(value)
	}
	return f.Value.Set(value)
}
