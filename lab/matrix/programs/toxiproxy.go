package programs

import (
	"strings"

	"echod/lab/matrix/lab"
)

var toxiproxy = lab.Program{
	Name: "toxiproxy",
	Source: lab.GoModule{
		Path:    "github.com/Shopify/toxiproxy/v2",
		Version: "v2.12.0",
		Build:   map[string]string{"toxiproxy-server": "github.com/Shopify/toxiproxy/v2/cmd/server"},
	},
	Setups: []lab.Setup{{Name: "default, no toxics", Plan: toxiproxyPlan, Remarks: []lab.Remark{
		{Rule: "stream/half-close", Class: "premature-eof", Text: "A program that injects faults has a fault without any toxic: the client's FIN closes both directions. It depends on timing, and a short answer sometimes arrives: in one of the first three runs this rule passed."},
		{Rule: "stream/half-close-owed", Class: "premature-eof", Text: "Owed bytes are dropped, and the client receives a FIN."},
	}}},
}

func toxiproxyPlan(at lab.Place) lab.Plan {
	config := each(at.Hops, `  {"name": "hop%[3]d", "listen": "127.0.0.1:%[1]d", "upstream": "127.0.0.1:%[2]d", "enabled": true},
`)
	return lab.Plan{
		Files:    []lab.File{{Name: "toxiproxy.json", Text: "[\n" + strings.TrimSuffix(config, ",\n") + "\n]\n"}},
		Commands: []lab.Command{command("toxiproxy-server -host 127.0.0.1 -port %d -config toxiproxy.json", at.Spare[0])},
	}
}
