//go:build !unix

package cli

import "io"

// isJournal: there is no journal but systemd's.
func isJournal(io.Writer, string) bool { return false }
