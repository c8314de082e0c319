package programs

import (
	"fmt"

	"echod/lab/matrix/lab"
)

// The Docker engine starts one docker-proxy for each published port. Here it is started in
// the same way. It reports on descriptor 3 that it is ready.
var docker = lab.Program{
	Name:   "docker-proxy",
	Source: lab.Debian{Package: "docker.io", Command: "docker-proxy"},
	Setups: []lab.Setup{{Name: "default", Plan: dockerPlan, Remarks: []lab.Remark{
		{Rule: "stream/half-close-late", Text: "The full close on a client's FIN (moby#27539, libnetwork#1204) is fixed in this version."},
	}}},
}

func dockerPlan(at lab.Place) lab.Plan {
	return lab.Plan{Commands: perHop(at.Hops, func(hop lab.Hop) lab.Command {
		line := fmt.Sprintf("exec docker-proxy -proto tcp -host-ip 127.0.0.1 -host-port %d"+
			" -container-ip 127.0.0.1 -container-port %d 3>/dev/null", hop.Listen, hop.To)
		return lab.Command{Argv: []string{"sh", "-c", line}}
	})}
}
