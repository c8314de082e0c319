package duel

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// Environment is where a report was made: without it a figure cannot be
// compared with anything.
type Environment struct {
	Processor   string `json:"processor"`
	Processors  int    `json:"processors"` // that this process may use
	ServerCPU   int    `json:"server_cpu"`
	ClientCPU   int    `json:"client_cpu"`
	Kernel      string `json:"kernel"`
	Go          string `json:"go"`
	CC          string `json:"cc"`
	LoadAverage string `json:"load_average"` // 1, 5 and 15 minutes, before the first round
}

// Look describes this machine as b uses it.
func (b Bench) Look(ctx context.Context) Environment {
	cc, _ := exec.CommandContext(ctx, "cc", "--version").Output()
	return Environment{
		Processor:   field("/proc/cpuinfo", "model name"),
		Processors:  runtime.NumCPU(),
		ServerCPU:   b.ServerCPU,
		ClientCPU:   b.ClientCPU,
		Kernel:      firstLine(read("/proc/sys/kernel/osrelease")),
		Go:          runtime.Version(),
		CC:          firstLine(string(cc)),
		LoadAverage: strings.Join(first(3, strings.Fields(read("/proc/loadavg"))), " "),
	}
}

func (e Environment) String() string {
	return fmt.Sprintf("%s, %d processors: server on %d, client on %d\nLinux %s, %s, %s\nload average before: %s",
		e.Processor, e.Processors, e.ServerCPU, e.ClientCPU, e.Kernel, e.Go, e.CC, e.LoadAverage)
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
