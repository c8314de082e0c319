package programs

import (
	"fmt"

	"echod/lab/matrix/lab"
)

// Client and server use temporary keys, and the server does not read the configuration of
// the system.
var ssh = lab.Program{
	Name:   "ssh -L",
	Source: lab.Debian{Package: "openssh-server", Command: "sshd"},
	Setups: []lab.Setup{{Name: "default", Plan: sshPlan, Remarks: []lab.Remark{
		{Rule: "stream/half-close-late", Text: "The oldest tunnel here handles both directions correctly: its protocol has an end of file for each."},
		{Rule: "stream/rst-to-server", Class: "premature-eof", Text: "The protocol has no message for a reset, so a reset arrives as a FIN."},
	}}},
}

func sshPlan(at lab.Place) lab.Plan {
	port := at.Spare[0]
	config := fmt.Sprintf(`ListenAddress 127.0.0.1:%d
HostKey %[2]s/host
AuthorizedKeysFile %[2]s/user.pub
StrictModes no
PidFile none
`, port, at.Dir)
	client := command("ssh -N -F none -i user -p %d"+
		" -o StrictHostKeyChecking=no -o UserKnownHostsFile=%s/known -o ExitOnForwardFailure=yes", port, at.Dir)
	for _, hop := range at.Hops {
		client.Argv = append(client.Argv, "-L", fmt.Sprintf("127.0.0.1:%d:127.0.0.1:%d", hop.Listen, hop.To))
	}
	client.Argv = append(client.Argv, "127.0.0.1")
	server := command("sshd -D -e -f %s/sshd_config", at.Dir)
	server.Await = port
	return lab.Plan{
		Files: []lab.File{{Name: "sshd_config", Text: config}},
		Before: [][]string{
			{"mkdir", "-p", "/run/sshd"}, // needed by sshd if root starts it
			{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "host"},
			{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "user"},
		},
		Commands: []lab.Command{server, client},
	}
}
