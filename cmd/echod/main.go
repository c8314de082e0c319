// Command echod is an echo service, and a tool that checks whether an echo service, and
// the network path to it, can be trusted.
package main

import (
	"os"

	"echod/internal/cli"
)

func main() { os.Exit(cli.Main()) }
