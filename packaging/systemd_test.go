package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const hardening = "\nNoNewPrivileges=yes\n"

// TestUnitsHaveTheSameHardening: all units need the same.
func TestUnitsHaveTheSameHardening(t *testing.T) {
	units, err := filepath.Glob("systemd/*.service")
	if err != nil || len(units) < 3 {
		t.Fatalf("got units %v, %v", units, err)
	}
	var first []string
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		_, locks, found := strings.Cut(string(text), hardening)
		if !found {
			t.Fatalf("%s has no line %q", unit, strings.TrimSpace(hardening))
		}
		lines := slices.DeleteFunc(strings.Split(locks, "\n"), func(line string) bool { return strings.HasPrefix(line, "#") })
		if first == nil {
			first = lines
		}
		if !slices.Equal(lines, first) {
			t.Errorf("%s has the hardening\n%s\nand %s has\n%s", unit, strings.Join(lines, "\n"), units[0], strings.Join(first, "\n"))
		}
	}
}

// TestSystemdAcceptsTheUnits without a warning. The binary need not be installed: another
// file replaces it.
func TestSystemdAcceptsTheUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("this machine has no systemd-analyze")
	}
	dir := t.TempDir()
	units, _ := filepath.Glob("systemd/*")
	var copies []string
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(dir, filepath.Base(unit))
		if err := os.WriteFile(copied, []byte(strings.ReplaceAll(string(text), "/usr/local/bin/echod", "/bin/true")), 0o600); err != nil {
			t.Fatal(err)
		}
		copies = append(copies, copied)
	}
	said, err := exec.Command(analyze, append([]string{"verify", "--man=no", "--recursive-errors=no"}, copies...)...).CombinedOutput()
	if err != nil || len(said) > 0 {
		t.Errorf("got %v\n%s", err, said)
	}
}
