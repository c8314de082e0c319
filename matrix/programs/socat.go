package programs

import "echod/matrix/lab"

var socat = lab.Program{
	Name:   "socat",
	Source: lab.Debian{Package: "socat", Command: "socat"},
	Setups: []lab.Setup{
		{Name: "default, which is -t 0.5", Plan: socatPlan("", "")},
		{Name: "-t 3600, backlog=1024", Mends: "half-close", Plan: socatPlan("-t 3600 ", ",backlog=1024")},
	},
}

func socatPlan(flags, options string) func(lab.Place) lab.Plan {
	return func(at lab.Place) lab.Plan {
		return lab.Plan{Commands: perHop(at.Hops, func(hop lab.Hop) lab.Command {
			return command("socat %sTCP-LISTEN:%d,bind=127.0.0.1,fork,reuseaddr%s TCP:127.0.0.1:%d",
				flags, hop.Listen, options, hop.To)
		})}
	}
}
