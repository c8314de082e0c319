package programs

import "echod/lab/matrix/lab"

// The timeouts are those of the haproxy.cfg that the package installs.
var haproxy = lab.Program{
	Name:   "haproxy",
	Source: lab.Debian{Package: "haproxy", Command: "haproxy"},
	Setups: []lab.Setup{{Name: "default", Plan: haproxyPlan(""), Remarks: []lab.Remark{
		{Rule: "stream/rst-to-server", Text: "Of all the proxies here this is the only one that passes a client's abort on as an abort."},
		{Rule: "stream/rst-to-client", Class: "premature-eof", Text: "But not the other way round: a server that dies looks to the client like one that has finished."},
		{Rule: "stream/half-close-late", Text: "Without any setting an answer that comes a second after the client's FIN arrives."},
		{Rule: "stream/refused", Class: "premature-eof", Text: "If the server is dead, the client waits for three seconds until it is told, and then by a FIN: haproxy tries three times more, a second apart (retries 3 is its default)."},
	}}, {Name: "option nolinger", Mends: "resets that become FINs", Plan: haproxyPlan("\toption nolinger\n"), Remarks: []lab.Remark{
		{Rule: "stream/half-close-owed", Class: "reset", Text: "The option makes every end a reset, orderly ones too, and cuts off what is owed; its documentation warns of that."},
		{Rule: "stream/rst-to-client", Class: "premature-eof", Text: "And the server's reset, for which one may think of this option, still arrives as a FIN."},
	}}},
}

func haproxyPlan(options string) func(lab.Place) lab.Plan {
	return func(at lab.Place) lab.Plan {
		config := `defaults
	mode tcp
	timeout connect 5s
	timeout client 50s
	timeout server 50s
` + options + each(at.Hops, `
listen hop%[3]d
	bind 127.0.0.1:%[1]d
	server far 127.0.0.1:%[2]d
`)
		return lab.Plan{
			Files:    []lab.File{{Name: "haproxy.cfg", Text: config}},
			Commands: []lab.Command{command("haproxy -db -f haproxy.cfg")},
		}
	}
}
