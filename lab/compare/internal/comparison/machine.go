package comparison

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Tools is the directory of the compiled C programs: the servers `echo`, `uring`, `udp` and
// `udpgso`, and the load generators.
type Tools string

func (t Tools) program(name string) string { return filepath.Join(string(t), name) }

// generator returns the command of the load generator of w, against a port. Idle has none.
func (t Tools) generator(w Workload, port string) []string {
	name := map[Kind]string{Stream: "load", Churn: "churn", Datagrams: "loadudp", Trains: "loadudp"}[w.Kind]
	argv := []string{t.program(name), "-p", port, "-c", strconv.Itoa(w.Conns),
		"-s", strconv.Itoa(w.Size), "-d", strconv.Itoa(w.Depth)}
	if w.Kind == Trains {
		argv = append(argv, "-g")
	}
	return argv
}

// BuildTools compiles the C programs into dir with cc. module is the directory of this module.
func BuildTools(ctx context.Context, module, dir string) (Tools, error) {
	for _, name := range []string{"echo", "uring", "udp", "udpgso", "load", "churn", "loadudp"} {
		source := filepath.Join(module, "yardstick", name+".c")
		cc := exec.CommandContext(ctx, "cc", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror",
			"-o", filepath.Join(dir, name), source)
		if err := run(cc); err != nil {
			return "", fmt.Errorf("compile %s.c: %w", name, err)
		}
	}
	return Tools(dir), nil
}

// BuildGoServers builds the programs in goservers/ into dir, which must exist.
func BuildGoServers(ctx context.Context, module, dir string) error {
	build := exec.CommandContext(ctx, "go", "build", "-o", dir, "./goservers/...")
	build.Dir = module
	if err := run(build); err != nil {
		return fmt.Errorf("build the Go servers: %w", err)
	}
	return nil
}

// BuildEchod builds cmd/echod into dir and returns the path of the program. repo is the root
// of the repository.
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

// FindBuild returns a program: what itself if it is the path of one, or else cmd/echod of the
// git revision of that name, which it builds into dir. repo is the root of the repository.
func FindBuild(ctx context.Context, repo, what, dir string) (string, error) {
	if info, err := os.Stat(what); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
		return filepath.Abs(what)
	}
	commit := firstLine(output(ctx, repo, "git", "rev-parse", "--verify", "--quiet", "--end-of-options", what+"^{commit}"))
	if commit == "" {
		return "", fmt.Errorf("%q is neither a program nor a git revision of %s", what, repo)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	tree := filepath.Join(dir, "tree")
	add := exec.CommandContext(ctx, "git", "-C", repo, "worktree", "add", "--quiet", "--detach", tree, commit)
	if err := run(add); err != nil {
		return "", fmt.Errorf("git worktree add: %w", err)
	}
	// Also after an interrupt: git remembers a tree that it did not remove itself.
	defer exec.Command("git", "-C", repo, "worktree", "remove", "--force", tree).Run()
	return BuildEchod(ctx, tree, dir)
}

// ModuleDir returns the directory of this module. The working directory must be in it.
func ModuleDir(ctx context.Context) (string, error) {
	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Path}} {{.Dir}}")
	out, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w", err)
	}
	path, dir, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if !strings.HasSuffix(path, "/lab/compare") {
		return "", fmt.Errorf("the working directory is in module %q, want lab/compare", path)
	}
	return dir, nil
}

// run runs cmd. The error contains the output of cmd.
func run(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// Environment describes the machine and the programs of a report.
type Environment struct {
	Processor   string   `json:"processor"`
	Processors  int      `json:"processors"` // that this process may use
	ServerCPU   int      `json:"server_cpu"`
	ClientCPU   int      `json:"client_cpu"`
	Nice        int      `json:"nice"`
	RunTime     string   `json:"run_time"` // where the kernel says how long other processes ran; "": nowhere
	Kernel      string   `json:"kernel"`
	Go          string   `json:"go"`
	CC          string   `json:"cc"`
	Commit      string   `json:"commit"`       // of echod
	Modules     []string `json:"peers"`        // of the Go servers, with their versions
	LoadAverage string   `json:"load_average"` // 1, 5 and 15 minutes, before the first round
}

// Environment returns the environment of this machine. module is the directory of this
// module. A field that cannot be read is empty.
func (b Runner) Environment(ctx context.Context, module string) Environment {
	return Environment{
		Processor:   field("/proc/cpuinfo", "model name"),
		Processors:  runtime.NumCPU(),
		ServerCPU:   b.ServerCPU,
		ClientCPU:   b.ClientCPU,
		Nice:        b.Nice,
		RunTime:     findRunTime().Path,
		Kernel:      firstLine(read("/proc/sys/kernel/osrelease")),
		Go:          runtime.Version(),
		CC:          firstLine(output(ctx, module, "cc", "--version")),
		Commit:      firstLine(output(ctx, filepath.Dir(module), "git", "describe", "--always", "--dirty")),
		Modules:     otherModules(output(ctx, module, "go", "list", "-m", "-f", "{{if not .Indirect}}{{.}}{{end}}", "all")),
		LoadAverage: strings.Join(first(3, strings.Fields(read("/proc/loadavg"))), " "),
	}
}

// otherModules returns the modules of a list that have servers: all but the first, which is
// this module, and those of the Go project.
func otherModules(list string) []string {
	modules := strings.FieldsFunc(list, func(r rune) bool { return r == '\n' })
	return slices.DeleteFunc(modules[min(1, len(modules)):], func(m string) bool { return strings.HasPrefix(m, "golang.org/x/") })
}

// output returns the standard output of a command that runs in dir.
func output(ctx context.Context, dir string, argv ...string) string {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	out, _ := cmd.Output()
	return string(out)
}

// read returns the text of a file in /proc, or "" if the kernel does not have it.
func read(path string) string {
	text, _ := os.ReadFile(path)
	return string(text)
}

// field returns the value of the first line "name : value" of a file.
func field(path, name string) string {
	for line := range strings.Lines(read(path)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func first(n int, s []string) []string { return s[:min(n, len(s))] }
