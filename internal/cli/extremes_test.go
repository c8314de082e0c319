package cli

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"echod/internal/usage"
)

// extremeTexts are numbers, durations, sizes and limits at, and beyond, the limits of each type.
var extremeTexts = []string{
	"0", "-1", "1", "1e15", "2147483648", "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616",
	"5e-324", "1e-300", "1e308", "1e309", "NaN", "Inf", "-Inf", "0x10", "1e", "",
	"1ns", "8784h", "8785h", "2562047h47m16.854775807s", "-2562047h",
	"1/8784h", "1e8/2562047h,1e8/2562047h", "0..1e8/1ms", "64MiB", "8388608TiB", "1:1000000,64MiB:1",
	"1%", "50%", "1e308%", "99.99999999999999", "p99<1e300s", "p99<1h", "p5e-324<1ns", "failed<1e300", "rate>1e308", "loss<1e-300%",
}

// numericKinds are the types of the values that have limits.
var numericKinds = []string{"number", "duration", "rate", "size", "sizes", "percentage", "list", "threshold"}

// A value is refused in one line that says what is valid. Or the flag takes it; then the plan of
// bench can be made of it, or one line says why not.
func TestExtremeValueOfAFlagWorksOrIsOneLine(t *testing.T) {
	oneLine := func(t *testing.T, text string, err error) {
		t.Helper()
		if message := err.Error(); strings.Contains(message, "\n") || len(message) > 200 || message == "" {
			t.Errorf("%q: got %q, want one line", text, message)
		}
	}
	var bench *benchFlags
	commands := map[string]func() *cobra.Command{
		"bench": func() *cobra.Command {
			bench = newBenchFlags()
			cmd := &cobra.Command{}
			bench.register(cmd, &Process{})
			return cmd
		},
		"ping":  func() *cobra.Command { return newPing(&Process{}) },
		"watch": func() *cobra.Command { return newWatch(&Process{}) },
		"check": func() *cobra.Command { return newCheck(&Process{}) },
	}
	for name, command := range commands {
		tried := 0
		command().Flags().VisitAll(func(flag *pflag.Flag) {
			if !slices.Contains(numericKinds, flag.Value.Type()) {
				return
			}
			tried++
			t.Run(name+" --"+flag.Name, func(t *testing.T) {
				for _, text := range extremeTexts {
					cmd := command()
					if err := cmd.Flags().Lookup(flag.Name).Value.Set(text); err != nil {
						oneLine(t, text, err)
						continue
					}
					if name != "bench" {
						continue
					}
					if _, err := bench.planFor("tcp://127.0.0.1:7"); err != nil {
						oneLine(t, text, err)
						if _, ok := errors.AsType[*usage.Error](err); !ok {
							t.Errorf("%q: got %v, want an error of the command line", text, err)
						}
					}
				}
			})
		})
		if tried < 3 {
			t.Errorf("%s: %d flags have limits, want more", name, tried)
		}
	}
}
