package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:   "man",
		Short: "print the man page of echod, or of one verb",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			page := cmd.Root()
			if len(args) > 0 {
				found, rest, err := cmd.Root().Find(args)
				if err != nil || len(rest) > 0 {
					return knownVerb(cmd, args)
				}
				page = found
			}
			return doc.GenMan(page, manHeader(page), cmd.OutOrStdout())
		},
	}
}

// manHeader bears no date: the same echod prints the same page.
func manHeader(page *cobra.Command) *doc.GenManHeader {
	name := page.Name()
	if page.HasParent() {
		name = fmt.Sprintf("%s-%s", page.Root().Name(), name)
	}
	return &doc.GenManHeader{Title: name, Section: "1", Source: "echod", Manual: "echod", Date: &time.Time{}}
}
