// Package programs has the programs of the matrix, one in each file: where it comes from,
// how it is run according to its documentation, and which configuration fixes it.
package programs

import (
	"fmt"
	"strings"

	"echod/lab/matrix/lab"
)

// All returns all programs, in the order of the document.
func All() []lab.Program {
	return []lab.Program{
		haproxy, nginx, socat, ncat, ssh, docker,
		toxiproxy, chisel, frp, traefik, caddy,
		stunnel, hitch, nginxTLS, haproxyTLS,
		inetd, xinetd,
	}
}

// Quick returns the programs that can be installed on Debian in a minute.
func Quick() []lab.Program { return []lab.Program{haproxy, nginx, socat} }

// Absent is a program that is not in the matrix.
type Absent struct{ Name, Reason string }

// Missing returns the programs that could not be installed.
func Missing() []Absent { return []Absent{gost, newerTraefik} }

// Common returns remarks that are printed if a rule fails with every proxy. Their class is
// ignored, because the programs fail differently.
func Common() []lab.Remark {
	return []lab.Remark{
		{Rule: "stream/urgent", Text: "A byte of urgent data (MSG_OOB) is lost, or the stream hangs at it. A proxy needs SO_OOBINLINE to forward it; socat has the option oobinline. Few protocols use urgent data, e.g. telnet."},
		{Rule: "stream/rst-to-client", Text: "The reset of a server that crashes arrives at the client as a FIN, and behind TLS mostly as a close_notify. So a protocol needs the length of an answer or an end mark, so that the client knows that the answer is complete."},
		{Rule: "stream/rst-after-data", Text: "The same happens in the middle of an answer: the client receives the first part, and then a FIN."},
		{Rule: "stream/refused", Text: "A client can connect although the server is down. Each proxy accepts the connection first, and connects to the server afterwards. So a health check through a proxy must wait for a byte. After the accept comes a FIN or a reset: mostly a FIN if the proxy has read the first byte of the client, and a reset if not."},
	}
}

// each formats text for every hop: %[1]d is the port to listen on, %[2]d the port to forward
// to, %[3]d the number of the hop.
func each(hops []lab.Hop, text string) string {
	var all strings.Builder
	for i, hop := range hops {
		fmt.Fprintf(&all, text, hop.Listen, hop.To, i)
	}
	return all.String()
}

// command splits a command line at spaces.
func command(format string, args ...any) lab.Command {
	return lab.Command{Argv: strings.Fields(fmt.Sprintf(format, args...))}
}

// perHop returns a command for every hop.
func perHop(hops []lab.Hop, build func(lab.Hop) lab.Command) []lab.Command {
	var all []lab.Command
	for _, hop := range hops {
		all = append(all, build(hop))
	}
	return all
}
