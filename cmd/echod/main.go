// Command echod is an echo service you can trust, and the tool that tells
// whether the path to one can be trusted.
package main

import (
	"os"

	"echod/internal/cli"
)

func main() { os.Exit(cli.Main()) }
