package programs

import (
	"fmt"

	"echod/lab/matrix/lab"
)

var frp = lab.Program{
	Name: "frp",
	Source: lab.GoModule{
		Path:    "github.com/fatedier/frp",
		Version: "v0.61.1",
		Build: map[string]string{
			"frps": "github.com/fatedier/frp/cmd/frps",
			"frpc": "github.com/fatedier/frp/cmd/frpc",
		},
	},
	Setups: []lab.Setup{
		{Name: "default", Plan: frpPlan(""), Remarks: []lab.Remark{
			{Rule: "stream/half-close", Class: "premature-eof", Text: "As reported in frp#4766."},
		}},
		{Name: "transport.tcpMux = false", Fixes: "a fault of the multiplexer", Plan: frpPlan("transport.tcpMux = false\n"), Remarks: []lab.Remark{
			{Rule: "stream/half-close", Class: "premature-eof", Text: "The multiplexer is not the cause: with a TCP connection for each stream the result is the same."},
		}},
	},
}

func frpPlan(option string) func(lab.Place) lab.Plan {
	return func(at lab.Place) lab.Plan {
		port := at.Spare[0]
		server := fmt.Sprintf("bindAddr = \"127.0.0.1\"\nbindPort = %d\nproxyBindAddr = \"127.0.0.1\"\n", port) + option
		client := fmt.Sprintf("serverAddr = \"127.0.0.1\"\nserverPort = %d\n", port) + option +
			each(at.Hops, `
[[proxies]]
name = "hop%[3]d"
type = "tcp"
localIP = "127.0.0.1"
localPort = %[2]d
remotePort = %[1]d
`)
		frps := command("frps -c frps.toml")
		frps.Await = port
		return lab.Plan{
			Files:    []lab.File{{Name: "frps.toml", Text: server}, {Name: "frpc.toml", Text: client}},
			Commands: []lab.Command{frps, command("frpc -c frpc.toml")},
		}
	}
}
