package programs

import "echod/lab/matrix/lab"

var socat = lab.Program{
	Name:   "socat",
	Source: lab.Debian{Package: "socat", Command: "socat"},
	Setups: []lab.Setup{
		{Name: "default, which is -t 0.5", Plan: socatPlan("", ""), Remarks: []lab.Remark{
			{Rule: "stream/half-close", Text: "An answer arrives if it is already being sent at the client's FIN. So `echo x | nc` works, and hides the next failure."},
			{Rule: "stream/half-close-late", Class: "premature-eof", Text: "If the server answers more than half a second later, the answer is lost, and the client receives a FIN."},
			{Rule: "stream/half-close-owed", Class: "premature-eof", Text: "The same happens to a client that half-closes and then reads slowly: after half a second without progress, the rest of the answer is dropped, and the client receives a FIN."},
			{Rule: "stream/concurrency", Class: "timeout", Text: "The listen backlog is 5. A script with plain non-blocking sockets connected a hundred clients at the same time: all except six waited one second or more for the connection, and 74 had received no echo after 40 s. The kernel counted 635 overflows of the backlog (ListenOverflows)."},
		}},
		{Name: "-t 3600, backlog=1024", Fixes: "half-close", Plan: socatPlan("-t 3600 ", ",backlog=1024"), Remarks: []lab.Remark{
			{Rule: "stream/concurrency", Text: "With a longer backlog all hundred clients are served."},
		}},
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
