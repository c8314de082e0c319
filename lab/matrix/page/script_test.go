package page

import (
	"strings"
	"testing"

	"echod/lab/matrix/programs"
)

// TestScriptOfEverySetupIsComplete checks the text that the document shows.
func TestScriptOfEverySetupIsComplete(t *testing.T) {
	for _, program := range programs.All() {
		for _, setup := range program.Setups {
			text := Script(setup)
			if strings.Contains(text, "%!") {
				t.Errorf("%s, %s: bad format:\n%s", program.Name, setup.Name, text)
			}
			if !strings.Contains(text, "\n$ ") && !strings.HasPrefix(text, "$ ") {
				t.Errorf("%s, %s: no command:\n%s", program.Name, setup.Name, text)
			}
			if !setup.IsServer && !(strings.Contains(text, "9000") && strings.Contains(text, "7007")) {
				t.Errorf("%s, %s: want 9000 and 7007:\n%s", program.Name, setup.Name, text)
			}
		}
	}
}
