package programs

import (
	"fmt"

	"echod/lab/matrix/lab"
)

const ncatBacklog = "For each connection ncat starts a program that uses about 50 ms of CPU time before it connects, and the listen " +
	"backlog is 10. How many clients are served depends on how busy the machine is. A script with plain non-blocking sockets " +
	"connected a hundred clients at the same time: 11 received an echo within one second, and the last one after 27 s. " +
	"The kernel counted 483 overflows of the backlog."

var ncat = lab.Program{
	Name:   "ncat",
	Source: lab.Debian{Package: "ncat", Command: "ncat"},
	Setups: []lab.Setup{
		{Name: "default: -l -k --sh-exec", Plan: ncatPlan(), Remarks: []lab.Remark{
			{Rule: "stream/slow-reader", Class: "timeout", Text: "A deadlock. When more bytes are being forwarded than two pipes hold, ncat and the ncat that it has forked both block in write(2) until the other one reads (seen in /proc/PID/syscall and wchan). Both still block after the client has read more, and after it has left."},
			{Rule: "stream/size-sweep", Class: "timeout", Text: "The same deadlock with messages of 512 KiB. It depends on timing: in other runs this rule passed."},
			{Rule: "stream/server-fin", Class: "silent", Text: "The server's FIN is not forwarded while the client sends nothing."},
			{Rule: "stream/concurrency", Class: "timeout", Text: ncatBacklog},
		}},
		{Name: "--max-conns 1000", Fixes: "the limit of 100 connections", Plan: ncatPlan("--max-conns", "1000"), Remarks: []lab.Remark{
			{Rule: "stream/concurrency", Class: "timeout", Text: "The limit of 100 connections is not the cause. " + ncatBacklog},
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
