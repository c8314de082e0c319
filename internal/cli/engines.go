package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"echod/internal/engine"
	"echod/internal/engines"
)

// engineRow describes one engine.
type engineRow struct {
	Name      string   `json:"name"`
	Serves    []string `json:"serves"`
	MaxFD     int      `json:"max_fd,omitempty"` // the highest descriptor; absent if there is no limit
	Available bool     `json:"available"`
	Reason    string   `json:"reason,omitempty"` // why it is not
	Auto      bool     `json:"auto"`             // whether auto picks it here
}

func newEngines(p *Process) *cobra.Command {
	format := "text"
	cmd := &cobra.Command{
		Use:   "engines",
		Short: "list the engines, and which of them work here",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format == "json" {
				return writeJSON(p.Stdout, engineRows())
			}
			return writeEngines(p.Stdout, engineRows())
		},
	}
	cmd.Flags().Var(choice(&format, formats), "format", "how to write the list: "+orList(formats))
	return cmd
}

// formats are those of small answers.
var formats = []string{"text", "json"}

func engineRows() []engineRow {
	var rows []engineRow
	for _, e := range engines.All() {
		row := engineRow{Name: e.Name(), Serves: e.Caps().Networks, MaxFD: e.Caps().MaxFD, Available: true}
		if err := e.Probe(); err != nil {
			row.Available, row.Reason = false, err.Error()
		}
		row.Auto = e.Name() == engines.Auto().Name()
		rows = append(rows, row)
	}
	return rows
}

func writeEngines(w io.Writer, rows []engineRow) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ENGINE\tSERVES\tMAX FD\tHERE")
	for _, row := range rows {
		limit, here := "-", "yes"
		if row.MaxFD > 0 {
			limit = strconv.Itoa(row.MaxFD)
		}
		if row.Auto {
			here = "yes (auto)"
		}
		if !row.Available {
			here = "no: " + row.Reason
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", row.Name, strings.Join(row.Serves, " "), limit, here)
	}
	return table.Flush()
}

func writeJSON(w io.Writer, answer any) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(answer)
}

// engineNames are the values of --engine.
func engineNames() []string {
	names := []string{"auto"}
	for _, e := range engines.All() {
		names = append(names, e.Name())
	}
	return names
}

// lookupEngine is engines.Lookup; an unknown engine is an error on the command line.
func lookupEngine(name string) (engine.Engine, error) {
	found, err := engines.Lookup(name)
	if err != nil {
		return nil, &exitError{Usage, err}
	}
	return found, nil
}
