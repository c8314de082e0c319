package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version and commit may be set by a release's linker:
// -ldflags "-X echod/internal/cli.version=1.2.3". What is not set, the Go
// toolchain has stamped into the binary.
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
	cmd.Flags().Var(choice(&format, formats), "format", "text or json")
	cmd.RegisterFlagCompletionFunc("format", words(formats))
	return cmd
}

// build says which echod this is.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (b build) String() string {
	return fmt.Sprintf("%s (commit %s, %s, %s)", b.Version, b.Commit, b.Go, b.Platform)
}

// brief is for where Go and platform are told anyway.
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

// commitOf is the commit that the toolchain found; it is marked if the tree had
// changes that no commit holds.
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
