package programs

import (
	"fmt"

	"echod/lab/matrix/lab"
)

var chisel = lab.Program{
	Name: "chisel",
	Source: lab.GoModule{
		Path:    "github.com/jpillora/chisel",
		Version: "v1.10.1",
		Build:   map[string]string{"chisel": "github.com/jpillora/chisel"},
	},
	Setups: []lab.Setup{{Name: "default", Plan: chiselPlan, Remarks: []lab.Remark{
		{Rule: "stream/half-close", Class: "premature-eof", Text: "It forwards streams over SSH, which has an end of file for each direction (see ssh -L), but it closes both."},
	}}},
}

func chiselPlan(at lab.Place) lab.Plan {
	server := command("chisel server --host 127.0.0.1 --port %d", at.Spare[0])
	server.Await = at.Spare[0]
	client := command("chisel client http://127.0.0.1:%d", at.Spare[0])
	for _, hop := range at.Hops {
		client.Argv = append(client.Argv, fmt.Sprintf("127.0.0.1:%d:127.0.0.1:%d", hop.Listen, hop.To))
	}
	return lab.Plan{Commands: []lab.Command{server, client}}
}
