package cli

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestFlagWithFewValuesCompletesThem(t *testing.T) {
	for _, cmd := range verbsOf(testRoot()) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			complete, found := cmd.GetFlagCompletionFunc(f.Name)
			switch kind := f.Value.Type(); kind {
			case "word", "rule", "threshold", "URL":
				if !found {
					t.Errorf("%s --%s: nothing completes a %s", cmd.Name(), f.Name, kind)
					return
				}
				words, _ := complete(cmd, nil, "")
				if len(words) == 0 {
					t.Errorf("%s --%s: got no words", cmd.Name(), f.Name)
				}
				for _, word := range words {
					beginning := strings.HasSuffix(word, "/") || strings.HasSuffix(word, "<") || strings.HasSuffix(word, ">")
					if err := f.Value.Set(word); err != nil && !beginning {
						t.Errorf("%s --%s %s: %v", cmd.Name(), f.Name, word, err)
					}
				}
			}
		})
	}
}
