package programs

import (
	"fmt"

	"echod/matrix/lab"
)

// The service is the one in the package's xinetd.d/echo, with an address and a
// port of its own.
var xinetd = lab.Program{
	Name:   "xinetd's echo",
	Source: lab.Debian{Package: "xinetd", Command: "xinetd"},
	Setups: []lab.Setup{
		{Name: "default", Itself: true, Plan: xinetdPlan("")},
		{Name: "cps = 100000 1, instances = UNLIMITED", Mends: "the limit of 50 connections a second", Itself: true,
			Plan: xinetdPlan("\tcps = 100000 1\n\tinstances = UNLIMITED\n")},
	},
}

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
