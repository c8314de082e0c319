package cli

import (
	"bytes"
	"io"
	"strings"
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
			return writeMan(cmd.OutOrStdout(), page)
		},
	}
}

// writeMan leaves out the date that cobra would put in: the same echod prints
// the same page.
func writeMan(w io.Writer, page *cobra.Command) error {
	title := strings.ToUpper(strings.ReplaceAll(page.CommandPath(), " ", "-"))
	header := &doc.GenManHeader{Title: title, Section: "1", Source: "echod", Manual: "echod", Date: &time.Time{}}
	var text bytes.Buffer
	if err := doc.GenMan(page, header, &text); err != nil {
		return err
	}
	_, err := w.Write(bytes.Replace(text.Bytes(), []byte(`"Jan 0001"`), []byte(`""`), 1))
	return err
}
