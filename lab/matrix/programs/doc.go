// Package programs knows the programs of the matrix, one file each: where it
// comes from, how it is run as its own documentation says, and what mends it.
package programs

import (
	"fmt"
	"strings"

	"echod/lab/matrix/lab"
)

// All are the programs, in the order of the document.
func All() []lab.Program {
	return []lab.Program{
		haproxy, nginx, socat, ncat, ssh, docker,
		toxiproxy, chisel, frp, traefik, caddy,
		inetd, xinetd,
	}
}

// Quick are those that every Debian machine can have in a minute.
func Quick() []lab.Program { return []lab.Program{haproxy, nginx, socat} }

// Absent is a program that people use and that the matrix does without.
type Absent struct{ Name, Reason string }

// LeftOut are the programs that nobody has managed to start from here.
func LeftOut() []Absent { return []Absent{gost, newerTraefik} }

// Common is what there is to say when no proxy at all keeps a rule. The class of
// these remarks is not looked at: each program fails in its own way.
func Common() []lab.Remark {
	return []lab.Remark{
		{Rule: "stream/rst-to-client", Text: "A server that crashes looks to the client like one that has finished: its reset arrives as a FIN. Who needs to know that an answer is whole must count its bytes, or mark its end."},
		{Rule: "stream/rst-after-data", Text: "The same in the middle of an answer: what had been sent arrives, and then the end that says \"that was all\"."},
		{Rule: "stream/refused", Text: "A dead server looks alive to whoever only connects. Each of them accepts first and looks for the server afterwards, so a health check through a proxy must ask for a byte. Then comes a FIN or a reset: mostly a FIN if the client's first byte had been read by then, and a reset if not."},
	}
}

// each repeats text for every hop, with %[1]d the port to listen on, %[2]d the
// one to forward to, and %[3]d the hop's number.
func each(hops []lab.Hop, text string) string {
	var all strings.Builder
	for i, hop := range hops {
		fmt.Fprintf(&all, text, hop.Listen, hop.To, i)
	}
	return all.String()
}

// command is one command line without a space inside its words.
func command(format string, args ...any) lab.Command {
	return lab.Command{Argv: strings.Fields(fmt.Sprintf(format, args...))}
}

// perHop is a command for every hop.
func perHop(hops []lab.Hop, build func(lab.Hop) lab.Command) []lab.Command {
	var all []lab.Command
	for _, hop := range hops {
		all = append(all, build(hop))
	}
	return all
}
