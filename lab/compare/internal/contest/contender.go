package contest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// Contender is a server that can be started: Argv is its command, made to
// listen on a free port of 127.0.0.1. It must print the address it bound, on
// either output, as url=tcp://127.0.0.1:PORT or url=udp://127.0.0.1:PORT.
type Contender struct {
	Name string
	Argv []string
}

// startTimeout bounds how long a server may take to say where it listens.
const startTimeout = 10 * time.Second

var boundTo = regexp.MustCompile(`url="?(?:tcp|udp)://127\.0\.0\.1:([0-9]+)`)

// server is a contender at work.
type server struct {
	port    string
	cmd     *exec.Cmd
	drained chan struct{} // closed when its output has ended
}

// start runs the contender on cpus and waits until it says where it listens.
func (c Contender) start(ctx context.Context, cpus string, nice int) (*server, error) {
	cmd := pinned(ctx, cpus, c.Argv...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	cmd.Stderr = cmd.Stdout
	if err := launch(cmd, nice); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	s := &server{cmd: cmd, drained: make(chan struct{})}
	late := time.AfterFunc(startTimeout, func() { cmd.Process.Kill() })
	lines := bufio.NewReader(out)
	s.port, err = portIn(lines)
	late.Stop()
	// A server that logs must never wait for a reader.
	go func() { io.Copy(io.Discard, lines); close(s.drained) }()
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	return s, nil
}

// portIn reads lines until one tells the address. If none does, what they said
// instead is the error.
func portIn(lines *bufio.Reader) (string, error) {
	var said strings.Builder
	for {
		line, err := lines.ReadString('\n')
		if m := boundTo.FindStringSubmatch(line); m != nil {
			return m[1], nil
		}
		said.WriteString(line)
		if err != nil {
			return "", errors.New("it told no address: " + strings.TrimSpace(said.String()))
		}
	}
}

// stop kills the server and returns when it is gone.
func (s *server) stop() {
	s.cmd.Process.Kill()
	<-s.drained
	s.cmd.Wait()
}
