package programs

import "echod/lab/matrix/lab"

// The timeouts are those in the haproxy.cfg of the package.
var haproxy = lab.Program{
	Name:   "haproxy",
	Source: lab.Debian{Package: "haproxy", Command: "haproxy"},
	Setups: []lab.Setup{{Name: "default", Plan: haproxyPlan(""), Remarks: []lab.Remark{
		{Rule: "stream/rst-to-server", Text: "This is the only proxy here that forwards a reset of the client as a reset."},
		{Rule: "stream/rst-to-client", Class: "premature-eof", Text: "It does not forward a reset of the server: the client receives a FIN."},
		{Rule: "stream/half-close-late", Text: "With the default configuration, an answer that comes one second after the client's FIN arrives."},
		{Rule: "stream/refused", Class: "premature-eof", Text: "If the server is down, the client receives a FIN after three seconds: haproxy tries three more times, one second apart (the default is retries 3)."},
	}}, {Name: "option nolinger", Fixes: "resets that become FINs", Plan: haproxyPlan("\toption nolinger\n"), Remarks: []lab.Remark{
		{Rule: "stream/half-close-owed", Class: "reset", Text: "The option turns every end into a reset, also a FIN, and drops owed bytes. Its documentation warns about that."},
		{Rule: "stream/rst-to-client", Class: "premature-eof", Text: "A reset of the server, for which the option might be used, still arrives as a FIN."},
	}}},
}

func haproxyPlan(options string) func(lab.Place) lab.Plan {
	return func(at lab.Place) lab.Plan {
		return lab.Plan{
			Files:    []lab.File{haproxyConfig(at, "", options)},
			Commands: []lab.Command{command("haproxy -db -f haproxy.cfg")},
		}
	}
}

func haproxyConfig(at lab.Place, bindOptions, options string) lab.File {
	return lab.File{Name: "haproxy.cfg", Text: `defaults
	mode tcp
	timeout connect 5s
	timeout client 50s
	timeout server 50s
` + options + each(at.Hops, `
listen hop%[3]d
	bind 127.0.0.1:%[1]d`+bindOptions+`
	server far 127.0.0.1:%[2]d
`)}
}
