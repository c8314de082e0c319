package page

import (
	"strings"
	"testing"

	"echod/lab/matrix/programs"
)

// TestEverySetupCanBeTyped: what the document shows is what is run, with ports
// and a directory that a reader can have.
func TestEverySetupCanBeTyped(t *testing.T) {
	for _, program := range programs.All() {
		for _, setup := range program.Setups {
			text := Script(setup)
			if strings.Contains(text, "%!") {
				t.Errorf("%s, %s: a format went wrong:\n%s", program.Name, setup.Name, text)
			}
			if !strings.Contains(text, "\n$ ") && !strings.HasPrefix(text, "$ ") {
				t.Errorf("%s, %s: no command:\n%s", program.Name, setup.Name, text)
			}
			if !setup.Itself && !(strings.Contains(text, "9000") && strings.Contains(text, "7007")) {
				t.Errorf("%s, %s: does not lead from 9000 to 7007:\n%s", program.Name, setup.Name, text)
			}
		}
	}
}
