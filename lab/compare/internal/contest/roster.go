package contest

import (
	"path/filepath"
	"time"
)

// The names of those that others are held against.
const (
	C        = "C"            // the yardstick of everything
	IOCopy   = "net io.Copy"  // the yardstick of the engine net
	ReadFrom = "net ReadFrom" // the same for datagrams
)

// busyPoll ends the name of a contender that polls.
const busyPoll = " --busy-poll"

// CStreams is the C server for streams.
func CStreams(tools Tools) Contender {
	return Contender{Name: C, Argv: []string{tools.program("echo"), "0"}}
}

// CDatagrams is the C server for datagrams.
func CDatagrams(tools Tools) Contender {
	return Contender{Name: C, Argv: []string{tools.program("udp"), "0"}}
}

// Echod is the service over network, tcp or udp, served by one loop of engine.
func Echod(program, engine, network string) Contender {
	return Contender{Name: EchodName(engine), Argv: serve(program, engine, network, "--loops", "1")}
}

// BusyPoll is Echod over TCP, polling for a while before it sleeps.
func BusyPoll(program, engine string, poll time.Duration) Contender {
	return Contender{
		Name: EchodName(engine) + busyPoll,
		Argv: serve(program, engine, "tcp", "--loops", "1", "--busy-poll", poll.String()),
	}
}

// Loops is Echod over TCP with so many loops.
func Loops(program, engine, loops string) Contender {
	return Contender{
		Name: EchodName(engine) + " --loops " + loops,
		Argv: serve(program, engine, "tcp", "--loops", loops),
	}
}

// EchodName is what the service is called when engine serves it.
func EchodName(engine string) string { return "echod " + engine }

func serve(program, engine, network string, more ...string) []string {
	argv := []string{program, "serve", "--listen", network + "://127.0.0.1:0", "--engine", engine}
	if engine == "net" { // has no loops to be asked for: it follows the processors it may use
		return argv
	}
	return append(argv, more...)
}

// Peers are echo servers on other ways to write one in Go: the programs of
// peers/, built into dir. Not all of them know datagrams.
func Peers(dir, network string) []Contender {
	peer := func(name, program string, args ...string) Contender {
		return Contender{Name: name, Argv: append([]string{filepath.Join(dir, program)}, args...)}
	}
	if network == "udp" {
		return []Contender{
			peer(ReadFrom, "readfrom"),
			peer("gnet", "gnet", network),
			peer("nbio", "nbio", network),
			peer("evio", "evio", network),
		}
	}
	return []Contender{
		peer(IOCopy, "iocopy"),
		peer("gnet", "gnet", network),
		peer("nbio", "nbio", network),
		peer("netpoll", "netpoll"),
		peer("evio", "evio", network),
	}
}
