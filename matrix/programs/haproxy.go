package programs

import "echod/matrix/lab"

// The timeouts are those of the haproxy.cfg that the package installs.
var haproxy = lab.Program{
	Name:   "haproxy",
	Source: lab.Debian{Package: "haproxy", Command: "haproxy"},
	Setups: []lab.Setup{{Name: "default", Plan: haproxyPlan}},
}

func haproxyPlan(at lab.Place) lab.Plan {
	config := `defaults
	mode tcp
	timeout connect 5s
	timeout client 50s
	timeout server 50s
` + each(at.Hops, `
listen hop%[3]d
	bind 127.0.0.1:%[1]d
	server far 127.0.0.1:%[2]d
`)
	return lab.Plan{
		Files:    []lab.File{{Name: "haproxy.cfg", Text: config}},
		Commands: []lab.Command{command("haproxy -db -f haproxy.cfg")},
	}
}
