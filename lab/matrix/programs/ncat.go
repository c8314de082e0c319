package programs

import (
	"fmt"

	"echod/lab/matrix/lab"
)

const ncatQueue = "For each connection it starts a program that takes about 50 ms of processor time before it connects, and the listen " +
	"queue has ten places; how many are served depends on how busy the machine is. Of a hundred clients that a script of plain " +
	"non-blocking sockets connected at one moment, 11 heard an echo within a second and the last after 27 s; " +
	"the kernel counted 483 overflows of the queue."

var ncat = lab.Program{
	Name:   "ncat",
	Source: lab.Debian{Package: "ncat", Command: "ncat"},
	Setups: []lab.Setup{
		{Name: "default: -l -k --sh-exec", Plan: ncatPlan(), Remarks: []lab.Remark{
			{Rule: "stream/slow-reader", Class: "timeout", Text: "A deadlock. When more is on its way than two pipes hold, ncat and the ncat that it forked both wait in write(2) for the other to read (seen in /proc/PID/syscall and wchan), and both go on waiting after the client has read on, and after it has gone."},
			{Rule: "stream/size-sweep", Class: "timeout", Text: "The same deadlock, met by messages of half a mebibyte. It is a race: in other runs this rule passed."},
			{Rule: "stream/server-fin", Class: "silent", Text: "The server's FIN is not passed on while the client is silent."},
			{Rule: "stream/concurrency", Class: "timeout", Text: ncatQueue},
		}},
		{Name: "--max-conns 1000", Mends: "the limit of 100 connections", Plan: ncatPlan("--max-conns", "1000"), Remarks: []lab.Remark{
			{Rule: "stream/concurrency", Class: "timeout", Text: "It is not the limit of 100 connections. " + ncatQueue},
		}},
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
