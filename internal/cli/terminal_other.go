//go:build !(linux || darwin || freebsd)

package cli

import (
	"io"
	"os"
)

func windowWidth(*os.File) int { return 0 }

// isJournal returns false: the journal is systemd's.
func isJournal(io.Writer, string) bool { return false }
