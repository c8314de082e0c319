package comparison

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Server is a server under test. Argv is its command. It must listen on a free port of
// 127.0.0.1, and print its address to standard output or standard error, as
// url=tcp://127.0.0.1:PORT or url=udp://127.0.0.1:PORT.
type Server struct {
	Name    string
	Argv    []string
	Profile bool // it is an echod: with --admin-pprof it says how much it has allocated
}

// startTimeout is how long a server may take to print its address.
const startTimeout = 10 * time.Second

var boundURL = regexp.MustCompile(`url="?(?:tcp|udp)://127\.0\.0\.1:([0-9]+)`)

// process is a running server.
type process struct {
	port    string
	cmd     *exec.Cmd
	drained chan struct{} // closed when its output has ended
}

// start starts the server on cpus and waits until it has printed its address.
func (c Server) start(ctx context.Context, cpus string, nice int) (*process, error) {
	cmd := pinnedCommand(ctx, cpus, c.Argv...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	cmd.Stderr = cmd.Stdout
	if err := launch(cmd, nice); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	s := &process{cmd: cmd, drained: make(chan struct{})}
	timer := time.AfterFunc(startTimeout, func() { cmd.Process.Kill() })
	lines := bufio.NewReader(out)
	s.port, err = portIn(lines)
	timer.Stop()
	// A server must not block in its log.
	go func() { io.Copy(io.Discard, lines); close(s.drained) }()
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	return s, nil
}

// portIn reads lines until one has the address. If there is none, the error contains all
// lines.
func portIn(lines *bufio.Reader) (string, error) {
	var text strings.Builder
	for {
		line, err := lines.ReadString('\n')
		if m := boundURL.FindStringSubmatch(line); m != nil {
			return m[1], nil
		}
		text.WriteString(line)
		if err != nil {
			return "", errors.New("no address printed: " + strings.TrimSpace(text.String()))
		}
	}
}

// stop kills the server and waits for its end.
func (s *process) stop() {
	s.cmd.Process.Kill()
	<-s.drained
	s.cmd.Wait()
}

// The names of the servers that are the base of ratios.
const (
	C        = "C"            // for all engines with loops
	IOCopy   = "net io.Copy"  // for the engine net
	ReadFrom = "net ReadFrom" // for the engine net, with datagrams
)

// busyPoll is the end of the name of a server with busy polling.
const busyPoll = " --busy-poll"

// CStreams returns the C server for streams.
func CStreams(tools Tools) Server {
	return Server{Name: C, Argv: []string{tools.program("echo"), "0"}}
}

// CUring is the name of the C server with io_uring. Its ratio shows what completions are
// worth in place of readiness; it is not a target of echod.
const CUring = "C io_uring"

// CStreamsOnUring returns the C server for streams with io_uring in place of epoll.
func CStreamsOnUring(tools Tools) Server {
	return Server{Name: CUring, Argv: []string{tools.program("uring"), "0"}}
}

// Again returns c with another name, to be compared with c. The ratio should be 1.
func Again(c Server) Server {
	c.Name += again
	return c
}

// again is the end of the name of a server that is compared with itself.
const again = " again"

// CDatagrams returns the C server for datagrams.
func CDatagrams(tools Tools) Server {
	return Server{Name: C, Argv: []string{tools.program("udp"), "0"}}
}

// CTrains returns the C server for trains of datagrams.
func CTrains(tools Tools) Server {
	return Server{Name: C, Argv: []string{tools.program("udpgso"), "0"}}
}

// CSingle is the name of CDatagrams where CTrains is the base. Its ratio shows what trains are
// worth; it is not a target of echod.
const CSingle = "C recvmmsg"

// CSingleDatagrams returns CDatagrams with this name.
func CSingleDatagrams(tools Tools) Server {
	return Server{Name: CSingle, Argv: CDatagrams(tools).Argv}
}

// Echod returns echod on network, tcp or udp, with one loop of engine.
func Echod(program, engine, network string) Server {
	return Server{Name: EchodName(engine), Argv: serve(program, engine, network, "--loops", "1"), Profile: true}
}

// BusyPoll returns Echod on TCP with busy polling.
func BusyPoll(program, engine string, poll time.Duration) Server {
	return Server{
		Name:    EchodName(engine) + busyPoll,
		Argv:    serve(program, engine, "tcp", "--loops", "1", "--busy-poll", poll.String()),
		Profile: true,
	}
}

// Loops returns Echod on TCP with this number of loops.
func Loops(program, engine, loops string) Server {
	return Server{
		Name: LoopsName(engine, loops),
		Argv: serve(program, engine, "tcp", "--loops", loops),
	}
}

// LoopsName returns the name of Loops.
func LoopsName(engine, loops string) string { return EchodName(engine) + " --loops " + loops }

// EchodName returns the name of echod with engine.
func EchodName(engine string) string { return "echod " + engine }

func serve(program, engine, network string, more ...string) []string {
	argv := []string{program, "serve", "--listen", network + "://127.0.0.1:0", "--engine", engine}
	if engine == "net" { // it has no --loops: it uses as many threads as it has CPUs
		return argv
	}
	return append(argv, more...)
}

// GoServers returns the echo servers in goservers/, which use other Go libraries. dir has the
// programs. Not all of them support datagrams.
func GoServers(dir, network string) []Server {
	server := func(name, program string, args ...string) Server {
		return Server{Name: name, Argv: append([]string{filepath.Join(dir, program)}, args...)}
	}
	if network == "udp" {
		return []Server{
			server(ReadFrom, "readfrom"),
			server("gnet", "gnet", network),
			server("nbio", "nbio", network),
			server("evio", "evio", network),
		}
	}
	return []Server{
		server(IOCopy, "iocopy"),
		server("gnet", "gnet", network),
		server("nbio", "nbio", network),
		server("netpoll", "netpoll"),
		server("evio", "evio", network),
	}
}
