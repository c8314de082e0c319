package programs

import (
	"fmt"

	"echod/lab/matrix/lab"
)

// Both ends run by hand, with keys that are made for the occasion and a server
// that reads no file of the system's configuration.
var ssh = lab.Program{
	Name:   "ssh -L",
	Source: lab.Debian{Package: "openssh-server", Command: "sshd"},
	Setups: []lab.Setup{{Name: "default", Plan: sshPlan, Remarks: []lab.Remark{
		{Rule: "stream/half-close-late", Text: "The oldest tunnel here has got both directions right: its protocol has an end of file for each."},
		{Rule: "stream/rst-to-server", Class: "premature-eof", Text: "The protocol has no word for a reset, so an abort arrives as an orderly end."},
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
			{"mkdir", "-p", "/run/sshd"}, // where sshd of root changes its root to; it must be there
			{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "host"},
			{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "user"},
		},
		Commands: []lab.Command{server, client},
	}
}
