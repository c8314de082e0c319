package contest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Environment is where a report was made and of what: without it a figure
// cannot be compared with anything.
type Environment struct {
	Processor   string   `json:"processor"`
	Processors  int      `json:"processors"` // that this process may use
	ServerCPU   int      `json:"server_cpu"`
	ClientCPU   int      `json:"client_cpu"`
	Kernel      string   `json:"kernel"`
	Go          string   `json:"go"`
	CC          string   `json:"cc"`
	Commit      string   `json:"commit"`       // of echod
	Peers       []string `json:"peers"`        // modules and their versions
	LoadAverage string   `json:"load_average"` // 1, 5 and 15 minutes, before the first round
}

// Look describes this machine as b uses it, and what module holds. What cannot
// be found out is empty.
func (b Bench) Look(ctx context.Context, module string) Environment {
	return Environment{
		Processor:   field("/proc/cpuinfo", "model name"),
		Processors:  runtime.NumCPU(),
		ServerCPU:   b.ServerCPU,
		ClientCPU:   b.ClientCPU,
		Kernel:      firstLine(read("/proc/sys/kernel/osrelease")),
		Go:          runtime.Version(),
		CC:          firstLine(said(ctx, module, "cc", "--version")),
		Commit:      firstLine(said(ctx, filepath.Dir(module), "git", "describe", "--always", "--dirty")),
		Peers:       peers(said(ctx, module, "go", "list", "-m", "-f", "{{if not .Indirect}}{{.}}{{end}}", "all")),
		LoadAverage: strings.Join(first(3, strings.Fields(read("/proc/loadavg"))), " "),
	}
}

// peers are the modules of a list, of which the first is our own.
func peers(list string) []string {
	modules := strings.FieldsFunc(list, func(r rune) bool { return r == '\n' })
	return modules[min(1, len(modules)):]
}

// said is what a command prints when it runs in dir.
func said(ctx context.Context, dir string, argv ...string) string {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	out, _ := cmd.Output()
	return string(out)
}

// read is the text of a file of /proc, "" if this kernel has no such file.
func read(path string) string {
	text, _ := os.ReadFile(path)
	return string(text)
}

// field is the value of the first "name : value" line of a file.
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
