// Package cli is the command line: one file a verb.
package cli

// Main runs the command line of this process and returns its exit code.
func Main() int { return 2 }
