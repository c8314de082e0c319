package programs

import "echod/lab/matrix/lab"

// Internal services are configured by their names in services(5), so the echo service always
// has port 7.
var inetd = lab.Program{
	Name:   "inetutils-inetd's echo",
	Source: lab.Debian{Package: "inetutils-inetd", Command: "inetutils-inetd"},
	Setups: []lab.Setup{{Name: "default", IsServer: true, Port: 7, Plan: inetdPlan}},
}

func inetdPlan(lab.Place) lab.Plan {
	return lab.Plan{
		Files:    []lab.File{{Name: "inetd.conf", Text: "127.0.0.1:echo stream tcp nowait root internal\n"}},
		Commands: []lab.Command{command("inetutils-inetd -d inetd.conf")},
	}
}
