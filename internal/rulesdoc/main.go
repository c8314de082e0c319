// Command rulesdoc writes docs/rules.md from the rules of package check, as
// go generate ./check has it do.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: rulesdoc SOURCE-OF-CHECK FILE")
		os.Exit(2)
	}
	text, err := document(os.Args[1])
	if err == nil {
		err = os.WriteFile(os.Args[2], []byte(text), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "rulesdoc:", err)
		os.Exit(1)
	}
}
