package programs

import (
	"fmt"

	"echod/lab/matrix/lab"
)

// The service is the one in xinetd.d/echo of the package, with another address and port.
var xinetd = lab.Program{
	Name:   "xinetd's echo",
	Source: lab.Debian{Package: "xinetd", Command: "xinetd"},
	Setups: []lab.Setup{
		{Name: "default", IsServer: true, Plan: xinetdPlan(""), Remarks: []lab.Remark{
			{Rule: "target/alive", Class: "refused", Text: excessive},
			{Rule: "stream/concurrency", Class: "refused", Text: excessive},
			{Rule: "stream/concurrency", Text: "It depends on timing: on a busy machine, one of three checks of only this rule failed. " + excessive},
		}},
		{Name: "cps = 100000 1, instances = UNLIMITED", Fixes: "the limit of 50 connections per second", IsServer: true,
			Plan: xinetdPlan("\tcps = 100000 1\n\tinstances = UNLIMITED\n")},
	},
}

const excessive = "After more than 50 connections in one second, xinetd closes its port for ten seconds (the default is cps = 50 10, " +
	"which is in no file). A script with plain non-blocking sockets opened 100 connections at the same time: 50 were served, " +
	"15 reset and 35 refused. The next 100, one second later, were all refused."

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
