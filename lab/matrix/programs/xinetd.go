package programs

import (
	"fmt"

	"echod/lab/matrix/lab"
)

// The service is the one in the package's xinetd.d/echo, with an address and a
// port of its own.
var xinetd = lab.Program{
	Name:   "xinetd's echo",
	Source: lab.Debian{Package: "xinetd", Command: "xinetd"},
	Setups: []lab.Setup{
		{Name: "default", Itself: true, Plan: xinetdPlan(""), Remarks: []lab.Remark{
			{Rule: "stream/concurrency", Class: "refused", Text: excessive},
			{Rule: "stream/concurrency", Text: "Not every time: of three checks of this rule alone, on a busy machine, one failed. It depends on how fast the hundred connections of check come. " + excessive},
		}},
		{Name: "cps = 100000 1, instances = UNLIMITED", Mends: "the limit of 50 connections a second", Itself: true,
			Plan: xinetdPlan("\tcps = 100000 1\n\tinstances = UNLIMITED\n")},
	},
}

const excessive = "When more than 50 connections come in within a second, xinetd closes its port for ten (cps = 50 10 is its default, " +
	"which no file mentions). Of 100 connections begun at one moment by a script of plain non-blocking sockets 50 were served, " +
	"15 reset and 35 refused; and of the next 100, a second later, all were refused."

func xinetdPlan(attributes string) func(lab.Place) lab.Plan {
	return func(at lab.Place) lab.Plan {
		config := fmt.Sprintf(`service echo
{
	disable = no
	type = INTERNAL UNLISTED
	id = echo-stream
	socket_type = stream
	protocol = tcp
	user = root
	wait = no
	bind = 127.0.0.1
	port = %d
%s}
`, at.Hops[0].Listen, attributes)
		return lab.Plan{
			Files:    []lab.File{{Name: "xinetd.conf", Text: config}},
			Commands: []lab.Command{command("xinetd -dontfork -f %s/xinetd.conf -pidfile %[1]s/pid", at.Dir)},
		}
	}
}
