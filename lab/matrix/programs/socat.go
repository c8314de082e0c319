package programs

import "echod/lab/matrix/lab"

var socat = lab.Program{
	Name:   "socat",
	Source: lab.Debian{Package: "socat", Command: "socat"},
	Setups: []lab.Setup{
		{Name: "default, which is -t 0.5", Plan: socatPlan("", ""), Remarks: []lab.Remark{
			{Rule: "stream/half-close", Text: "A reply that is on its way at the client's FIN arrives, so `echo x | nc` works and nobody notices the next line."},
			{Rule: "stream/half-close-late", Class: "premature-eof", Text: "A server that thinks for longer than half a second is cut off, and the client sees a clean end."},
			{Rule: "stream/half-close-owed", Class: "premature-eof", Text: "So is a client that has finished and then reads slowly: when nothing has moved for half a second, the rest of the answer is dropped, and the end is clean."},
			{Rule: "stream/concurrency", Class: "timeout", Text: "The listen queue has five places. Of a hundred clients that a script of plain non-blocking sockets connected at one moment, all but six waited a second or more for their connection, and 74 had not heard an echo on it after 40 s; the kernel counted 635 overflows of the queue (ListenOverflows)."},
		}},
		{Name: "-t 3600, backlog=1024", Mends: "half-close", Plan: socatPlan("-t 3600 ", ",backlog=1024"), Remarks: []lab.Remark{
			{Rule: "stream/concurrency", Text: "With a longer queue every one of the hundred is served."},
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
