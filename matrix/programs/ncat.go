package programs

import (
	"fmt"

	"echod/matrix/lab"
)

var ncat = lab.Program{
	Name:   "ncat",
	Source: lab.Debian{Package: "ncat", Command: "ncat"},
	Setups: []lab.Setup{
		{Name: "default: -l -k --sh-exec", Plan: ncatPlan()},
		{Name: "--max-conns 1000", Mends: "the limit of 100 connections", Plan: ncatPlan("--max-conns", "1000")},
	},
}

func ncatPlan(flags ...string) func(lab.Place) lab.Plan {
	return func(at lab.Place) lab.Plan {
		return lab.Plan{Commands: perHop(at.Hops, func(hop lab.Hop) lab.Command {
			argv := append([]string{"ncat", "-l", "-k"}, flags...)
			return lab.Command{Argv: append(argv, "127.0.0.1", fmt.Sprint(hop.Listen),
				"--sh-exec", fmt.Sprintf("ncat 127.0.0.1 %d", hop.To))}
		})}
	}
}
