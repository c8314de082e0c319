package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version and commit can be set by the linker:
// -ldflags "-X echod/internal/cli.version=v1.2.3". By default, they are what the Go
// toolchain has recorded in the binary.
var version, commit string

func newVersion(p *Process) *cobra.Command {
	format := "text"
	cmd := &cobra.Command{
		Use:   "version",
		Short: "print version, commit, Go and platform",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := thisBuild()
			if format == "json" {
				return writeJSON(p.Stdout, b)
			}
			_, err := fmt.Fprintf(p.Stdout, "echod %s\n", b)
			return err
		},
	}
	cmd.Flags().Var(choice(&format, formats), "format", "how to write the version: "+orList(formats))
	return cmd
}

// build identifies this program.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (b build) String() string {
	return fmt.Sprintf("%s (commit %s, %s, %s)", b.Version, b.Commit, b.Go, b.Platform)
}

// brief is the version without Go and the platform.
func (b build) brief() string { return fmt.Sprintf("%s (commit %s)", b.Version, b.Commit) }

func thisBuild() build {
	b := build{Version: version, Commit: commit, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if ok && b.Version == "" {
		b.Version = info.Main.Version
	}
	if ok && b.Commit == "" {
		b.Commit = commitOf(info.Settings)
	}
	return b
}

// commitOf returns the commit that the toolchain recorded, marked if the tree had changes
// that were not committed.
func commitOf(settings []debug.BuildSetting) string {
	revision, changed := "unknown", ""
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+changes"
		}
	}
	return revision + changed
}
