package load

import (
	"os"
	"runtime"
	"strings"
)

// look describes this machine.
func look() Environment {
	host, _ := os.Hostname()
	return Environment{
		Host: host, OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), Go: runtime.Version(),
		Kernel: strings.TrimSpace(text("/proc/sys/kernel/osrelease")),
		CPU:    processor(),
	}
}

// processor is the name of the first one, where the kernel tells it.
func processor() string {
	for line := range strings.Lines(text("/proc/cpuinfo")) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// text is what is in a file of /proc; "" where there is none.
func text(name string) string {
	content, _ := os.ReadFile(name)
	return string(content)
}
