// Package page writes down what came of the matrix.
package page

import (
	"fmt"
	"io"

	"echod/lab/matrix/lab"
)

// Summary writes the verdicts that are not a pass, for somebody at a terminal.
func Summary(out io.Writer, outcomes []lab.Outcome) error {
	for _, o := range outcomes {
		fmt.Fprintf(out, "\n%s %s, %s\n", o.Program, o.Version, o.Setup.Name)
		if o.Report == nil {
			fmt.Fprintf(out, "  not run: %s\n", o.Reason)
			continue
		}
		for _, r := range o.Report.Results {
			if r.Verdict != "pass" {
				fmt.Fprintf(out, "  %-24s %-6s %s\n", r.Rule, r.Verdict, r.Detail)
				if r.Plain != nil {
					fmt.Fprintf(out, "  %-24s plain sockets: %v\n", "", r.Plain)
				}
			}
		}
	}
	return nil
}
