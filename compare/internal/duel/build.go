package duel

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Tools are the paths of the programs that a duel runs.
type Tools struct {
	Yardstick string // yardstick/echo.c
	Load      string // yardstick/load.c
}

// BuildTools compiles the C programs of module, the directory of this module,
// into dir with cc.
func BuildTools(ctx context.Context, module, dir string) (Tools, error) {
	tools := Tools{Yardstick: filepath.Join(dir, "echo"), Load: filepath.Join(dir, "load")}
	for _, program := range []string{tools.Yardstick, tools.Load} {
		source := filepath.Join(module, "yardstick", filepath.Base(program)+".c")
		cc := exec.CommandContext(ctx, "cc", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, source)
		if err := run(cc); err != nil {
			return Tools{}, fmt.Errorf("compile %s: %w", filepath.Base(source), err)
		}
	}
	return tools, nil
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
	if path != "echod/compare" {
		return "", fmt.Errorf("started in module %q, not in echod/compare", path)
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
