package programs

import (
	"fmt"

	"echod/lab/matrix/lab"
)

// The programs of this file end TLS: clients use TLS, and the server behind them has none.

var stunnel = lab.Program{
	Name:   "stunnel",
	Source: lab.Debian{Package: "stunnel4", Command: "stunnel"},
	Setups: []lab.Setup{
		{Name: "default", EndsTLS: true, Plan: stunnelPlan, Remarks: []lab.Remark{
			{Rule: "stream/half-close-owed", Class: "premature-eof", Text: "When the server's FIN arrives after the client has finished, stunnel takes the connection for dead: its log says \"Read socket closed (HUP)\". It drops what it has not read yet, and sends close_notify. So the end of a long answer is lost, and the client believes that the answer is complete."},
			{Rule: "stream/half-close-owed", Text: "It depends on timing: in two of the first three runs this rule failed. When the server's FIN arrives after the client has finished, stunnel takes the connection for dead: its log says \"Read socket closed (HUP)\". It drops what it has not read yet, and sends close_notify. So the end of a long answer is lost, and the client believes that the answer is complete."},
			{Rule: "tls/half-close", Text: "A complete answer ends with a close_notify. But a reset of the server does too, so a close_notify shows nothing."},
			{Rule: "tls/truncation-to-server", Class: "truncated", Text: "A stream that was cut off on the client's side arrives at the server as a complete one, and a reset does too. The option reset, which is on by default, does not change this."},
		}},
	},
}

func stunnelPlan(at lab.Place) lab.Plan {
	config := `foreground = yes
pid =
cert = pair.pem
` + each(at.Hops, `
[hop%[3]d]
accept = 127.0.0.1:%[1]d
connect = 127.0.0.1:%[2]d
`)
	return terminator(lab.File{Name: "stunnel.conf", Text: config}, command("stunnel stunnel.conf"))
}

var hitch = lab.Program{
	Name:   "hitch",
	Source: lab.Debian{Package: "hitch", Command: "hitch"},
	Setups: []lab.Setup{
		{Name: "default", EndsTLS: true, Plan: hitchPlan, Remarks: []lab.Remark{
			{Rule: "tls/half-close", Class: "premature-eof", Text: "It closes both directions at the client's close_notify, and drops the rest of the answer."},
			{Rule: "tls/truncation-to-client", Class: "truncated", Text: "A reset of the server arrives as a close_notify: half an answer counts as complete."},
		}},
	},
}

func hitchPlan(at lab.Place) lab.Plan {
	plan := lab.Plan{Before: makePair}
	for i, hop := range at.Hops {
		name := fmt.Sprintf("hitch%d.conf", i)
		plan.Files = append(plan.Files, lab.File{Name: name, Text: fmt.Sprintf(`frontend = "[127.0.0.1]:%d"
backend = "[127.0.0.1]:%d"
pem-file = "pair.pem"
user = "_hitch"
group = "_hitch"
`, hop.Listen, hop.To)})
		plan.Commands = append(plan.Commands, command("hitch --config=%s", name))
	}
	return plan
}

var nginxTLS = lab.Program{
	Name:   "nginx (stream with TLS)",
	Source: nginx.Source,
	Setups: []lab.Setup{
		{Name: "default", EndsTLS: true, Plan: nginxTLSPlan(""), Remarks: []lab.Remark{
			{Rule: "tls/half-close", Class: "truncated", Text: "After a close_notify of the client it ends with a FIN alone, also if the answer is complete."},
			{Rule: "tls/truncation-to-client", Class: "truncated", Text: "When the server ends first, nginx sends a close_notify, also if the server has reset the connection. So a close_notify is missing after a complete answer, and present after one that was cut off."},
		}},
		{Name: "ssl_protocols TLSv1.2 TLSv1.3, proxy_half_close on", Fixes: "half-close", EndsTLS: true,
			Plan: nginxTLSPlan("\t\tssl_protocols TLSv1.2 TLSv1.3;\n\t\tproxy_half_close on;\n"), Remarks: []lab.Remark{
				{Rule: "stream/half-close", Text: "The default of this version is TLS 1.2 at most, which has no half-close. With TLS 1.3 and proxy_half_close, the answer arrives."},
				{Rule: "tls/half-close", Class: "truncated", Text: "It never sends close_notify then. A client cannot distinguish a complete answer from one that was cut off, and a client that requires close_notify refuses every answer."},
			}},
	},
}

func nginxTLSPlan(directives string) func(lab.Place) lab.Plan {
	tls := "\t\tssl_certificate pair.pem;\n\t\tssl_certificate_key pair.pem;\n"
	return func(at lab.Place) lab.Plan {
		return terminator(nginxConfig(at, " ssl", tls+directives), nginxCommand(at))
	}
}

var haproxyTLS = lab.Program{
	Name:   "haproxy (with TLS)",
	Source: haproxy.Source,
	Setups: []lab.Setup{
		{Name: "default", EndsTLS: true, Plan: haproxyTLSPlan, Remarks: []lab.Remark{
			{Rule: "stream/rst-to-server", Text: "As without TLS, it forwards a reset of the client as a reset."},
			{Rule: "tls/truncation-to-server", Class: "truncated", Text: "A FIN of the client without close_notify arrives as a FIN, as if the client had finished."},
			{Rule: "tls/truncation", Class: "truncated", Text: "It also answers such a FIN with a close_notify."},
			{Rule: "tls/truncation-to-client", Class: "truncated", Text: "A reset of the server arrives as a close_notify: half an answer counts as complete."},
		}},
	},
}

func haproxyTLSPlan(at lab.Place) lab.Plan {
	return terminator(haproxyConfig(at, " ssl crt pair.pem", ""), command("haproxy -db -f haproxy.cfg"))
}

// makePair makes a certificate and its key, in one file, and ca.pem.
var makePair = [][]string{{"echod", "cert"}, {"sh", "-c", "cat server.pem server-key.pem > pair.pem"}}

// terminator returns the plan of a program with one configuration file.
func terminator(config lab.File, run lab.Command) lab.Plan {
	return lab.Plan{Files: []lab.File{config}, Before: makePair, Commands: []lab.Command{run}}
}
