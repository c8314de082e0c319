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
		_, locks, found := strings.Cut(read(t, unit), hardening)
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

// TestUnitsAllowTheSandbox: without these calls, serve and agent could not confine themselves.
func TestUnitsAllowTheSandbox(t *testing.T) {
	for _, unit := range []string{"echod.service", "echod-agent.service"} {
		if !strings.Contains(read(t, "systemd/"+unit), "\nSystemCallFilter=@system-service seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self\n") {
			t.Errorf("%s does not allow the system calls of the sandbox", unit)
		}
	}
}

// analyzer returns systemd-analyze. Without it, it skips the test, or fails it if
// ECHOD_REQUIRE is set.
func analyzer(t *testing.T) string {
	t.Helper()
	analyze, err := exec.LookPath("systemd-analyze")
	switch {
	case err == nil:
	case os.Getenv("ECHOD_REQUIRE") != "":
		t.Fatal("this machine has no systemd-analyze")
	default:
		t.Skip("this machine has no systemd-analyze")
	}
	return analyze
}

// copyUnits copies the units, with another program, because echod need not be installed. It
// returns their paths.
func copyUnits(t *testing.T, dir string) (copies []string) {
	t.Helper()
	units, err := filepath.Glob("systemd/*.s*") // services and sockets
	if err != nil || len(units) < 4 {
		t.Fatalf("got units %v, %v", units, err)
	}
	for _, unit := range units {
		copied := filepath.Join(dir, filepath.Base(unit))
		text := strings.ReplaceAll(read(t, unit), "ExecStart=echod ", "ExecStart=/bin/true ")
		if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		copies = append(copies, copied)
	}
	return copies
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestSystemdAcceptsTheUnits without a warning.
func TestSystemdAcceptsTheUnits(t *testing.T) {
	analyze := analyzer(t)
	said, err := exec.Command(analyze, append([]string{"verify", "--man=no", "--recursive-errors=no"}, copyUnits(t, t.TempDir())...)...).CombinedOutput()
	if err != nil || len(said) > 0 {
		t.Errorf("got %v\n%s", err, said)
	}
}

// TestUnitsAreNotExposed: systemd-analyze security rates what a unit can do, from 0.0, nothing,
// to 10.0.
func TestUnitsAreNotExposed(t *testing.T) {
	analyze := analyzer(t)
	for _, tt := range []struct {
		unit, dropIn string
		limit        string // tenths
	}{
		{"echod.service", "", "15"},
		{"echod.service", "echod-sockets.conf", "10"},
		{"echod-agent.service", "", "15"},
		{"echod-watch.service", "", "15"},
	} {
		t.Run(tt.unit+" "+tt.dropIn, func(t *testing.T) {
			dir := t.TempDir()
			copyUnits(t, dir)
			unit := filepath.Join(dir, tt.unit)
			if tt.dropIn != "" { // offline, drop-ins are not read: it is the end of the unit
				service, install, _ := strings.Cut(read(t, unit), "[Install]")
				text := service + read(t, "systemd/"+tt.dropIn) + "\n[Install]" + install
				if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			said, err := exec.Command(analyze, "security", "--offline=true", "--threshold="+tt.limit, unit).CombinedOutput()
			if err != nil {
				t.Errorf("the exposure is above %s tenths: %v\n%s", tt.limit, err, said)
			}
		})
	}
}
