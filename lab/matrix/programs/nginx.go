package programs

import "echod/lab/matrix/lab"

var nginx = lab.Program{
	Name:   "nginx (stream)",
	Source: lab.Debian{Package: "libnginx-mod-stream", Command: "nginx"},
	Setups: []lab.Setup{
		{Name: "default", Plan: nginxPlan(""), Remarks: []lab.Remark{
			{Rule: "stream/half-close", Class: "premature-eof", Text: "The client gets a clean end and not one byte of the answer: nothing tells it that something is missing."},
			{Rule: "stream/server-fin", Class: "reset", Text: "The same from the other side: what a client sends after the server has finished is lost, and the server is told that the client has finished."},
		}},
		{Name: "proxy_half_close on", Mends: "half-close", Plan: nginxPlan("\t\tproxy_half_close on;\n"), Remarks: []lab.Remark{
			{Rule: "stream/half-close", Text: "One directive mends all four rules about the end of one direction. Resets still become FINs."},
		}},
	},
}

func nginxPlan(directives string) func(lab.Place) lab.Plan {
	return func(at lab.Place) lab.Plan {
		config := `load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
pid nginx.pid;
error_log stderr;
events {}
stream {
` + each(at.Hops, `	server {
		listen 127.0.0.1:%[1]d;
		proxy_pass 127.0.0.1:%[2]d;
`+directives+`	}
`) + "}\n"
		return lab.Plan{
			Files:    []lab.File{{Name: "nginx.conf", Text: config}},
			Commands: []lab.Command{command("nginx -e stderr -p %s -c nginx.conf", at.Dir)},
		}
	}
}
