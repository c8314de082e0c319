package contest

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Tools is the directory of the C programs, compiled: the servers echo and udp,
// and what loads them.
type Tools string

func (t Tools) program(name string) string { return filepath.Join(string(t), name) }

// load is the program that puts a kind of load on a server. Idle has none: it
// is no load.
func (t Tools) load(kind Kind) string {
	return t.program(map[Kind]string{Stream: "load", Churn: "churn", Datagrams: "loadudp"}[kind])
}

// BuildTools compiles the C programs of module, the directory of this module,
// into dir with cc.
func BuildTools(ctx context.Context, module, dir string) (Tools, error) {
	for _, name := range []string{"echo", "udp", "load", "churn", "loadudp"} {
		source := filepath.Join(module, "yardstick", name+".c")
		cc := exec.CommandContext(ctx, "cc", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror",
			"-o", filepath.Join(dir, name), source)
		if err := run(cc); err != nil {
			return "", fmt.Errorf("compile %s.c: %w", name, err)
		}
	}
	return Tools(dir), nil
}

// BuildPeers builds the programs of peers/ into dir, which must be there.
func BuildPeers(ctx context.Context, module, dir string) error {
	build := exec.CommandContext(ctx, "go", "build", "-o", dir, "./peers/...")
	build.Dir = module
	if err := run(build); err != nil {
		return fmt.Errorf("build the peers: %w", err)
	}
	return nil
}

// BuildEchod builds cmd/echod of repo, the checkout that this module lies in,
// into dir and returns the program's path.
func BuildEchod(ctx context.Context, repo, dir string) (string, error) {
	program := filepath.Join(dir, "echod")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/echod")
	build.Dir = repo
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if err := run(build); err != nil {
		return "", fmt.Errorf("build echod: %w", err)
	}
	return program, nil
}

// ModuleDir is the directory of this module: where the main package that calls
// it was started, or above.
func ModuleDir(ctx context.Context) (string, error) {
	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Path}} {{.Dir}}")
	out, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w", err)
	}
	path, dir, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if !strings.HasSuffix(path, "/lab/compare") {
		return "", fmt.Errorf("started in module %q, not in lab/compare", path)
	}
	return dir, nil
}

// run runs cmd; its error holds what cmd complained about.
func run(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
