package programs

import "echod/lab/matrix/lab"

var nginx = lab.Program{
	Name:   "nginx (stream)",
	Source: lab.Debian{Package: "libnginx-mod-stream", Command: "nginx"},
	Setups: []lab.Setup{
		{Name: "default", Plan: nginxPlan(""), Remarks: []lab.Remark{
			{Rule: "stream/half-close", Class: "premature-eof", Text: "The client receives a FIN and no byte of the answer. It cannot know that something is missing."},
			{Rule: "stream/server-fin", Class: "reset", Text: "The other direction is the same: what a client sends after the server's FIN is lost, and the server receives a FIN."},
		}},
		{Name: "proxy_half_close on", Fixes: "half-close", Plan: nginxPlan("\t\tproxy_half_close on;\n"), Remarks: []lab.Remark{
			{Rule: "stream/half-close", Text: "One directive fixes all four rules about half-closed connections. Resets still become FINs."},
		}},
	},
}

func nginxPlan(directives string) func(lab.Place) lab.Plan {
	return func(at lab.Place) lab.Plan {
		return lab.Plan{
			Files:    []lab.File{nginxConfig(at, "", directives)},
			Commands: []lab.Command{nginxCommand(at)},
		}
	}
}

func nginxCommand(at lab.Place) lab.Command {
	return command("nginx -e stderr -p %s -c nginx.conf", at.Dir)
}

func nginxConfig(at lab.Place, listenOptions, directives string) lab.File {
	return lab.File{Name: "nginx.conf", Text: `load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
pid nginx.pid;
error_log stderr;
events {}
stream {
` + each(at.Hops, `	server {
		listen 127.0.0.1:%[1]d`+listenOptions+`;
		proxy_pass 127.0.0.1:%[2]d;
`+directives+`	}
`) + "}\n"}
}
