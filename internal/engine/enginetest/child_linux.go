package enginetest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"syscall"
	"time"

	"echod/internal/engine"
	"echod/internal/sock"
)

// childConfig is what a child is told, in JSON.
type childConfig struct {
	Engine   string
	Listener sock.Spec
	Backlog  int    // if not 0, the socket is inherited and its backlog this long
	NoFile   uint64 // if not 0, the limit on descriptors

	IdleTimeout time.Duration
}

// childReport is its answer to every command.
type childReport struct {
	Spec  sock.Spec // where it listens
	Stats engine.Stats
	CPU   time.Duration // what it has used so far
}

// The commands, one on a line. At the end of its input the child exits.
const (
	childStats   = "stats"   // only report
	childExhaust = "exhaust" // take every descriptor that is left
	childRelieve = "relieve" // and give them back
	childPanic   = "panic"
)

// serveChild is the child's side: serve, and do what the parent commands.
func serveChild(told string, engines []engine.Engine) error {
	var cfg childConfig
	if err := json.Unmarshal([]byte(told), &cfg); err != nil {
		return err
	}
	if cfg.NoFile != 0 {
		limit := syscall.Rlimit{Cur: cfg.NoFile, Max: cfg.NoFile}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			return os.NewSyscallError("setrlimit", err)
		}
	}
	srv, err := childServer(cfg, engines)
	if err != nil {
		return err
	}
	go srv.Serve()
	return obey(srv)
}

func childServer(cfg childConfig, engines []engine.Engine) (engine.Server, error) {
	l := engine.Listener{Spec: cfg.Listener}
	if cfg.Backlog != 0 {
		file, bound, err := shortQueue(cfg.Backlog)
		if err != nil {
			return nil, err
		}
		l = engine.Listener{Spec: bound, File: file}
	}
	for _, e := range engines {
		if e.Name() == cfg.Engine {
			return e.New(engine.Config{
				Listeners: []engine.Listener{l},
				Budget:    engine.NewBudget(engine.Limits{MaxConns: math.MaxInt32}), // descriptors are the limit

				IdleTimeout: cfg.IdleTimeout,
			})
		}
	}
	return nil, fmt.Errorf("no engine %q", cfg.Engine)
}

// shortQueue is a listening socket in whose queue few connections have room.
func shortQueue(backlog int) (*os.File, sock.Spec, error) {
	var plain net.ListenConfig
	plain.SetMultipathTCP(false)
	l, err := plain.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, sock.Spec{}, err
	}
	defer l.Close()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		return nil, sock.Spec{}, err
	}
	// Listening again only changes the length of the queue.
	if err := syscall.Listen(int(file.Fd()), backlog); err != nil {
		return nil, sock.Spec{}, os.NewSyscallError("listen", err)
	}
	addr := l.Addr().(*net.TCPAddr).AddrPort()
	return file, sock.Spec{Network: "tcp", Host: "127.0.0.1", Addr: addr}, nil
}

// obey carries out one command after the other and reports after each.
func obey(srv engine.Server) error {
	var taken []int
	out := json.NewEncoder(os.Stdout)
	report := func() error {
		return out.Encode(childReport{Spec: srv.Listeners()[0], Stats: srv.Stats(), CPU: processorTime()})
	}
	if err := report(); err != nil {
		return err
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		switch in.Text() {
		case childExhaust:
			taken = append(taken, takeDescriptors()...)
		case childRelieve:
			for _, fd := range taken {
				syscall.Close(fd)
			}
			taken = nil
		case childPanic:
			go panic("on purpose")
			select {}
		}
		if err := report(); err != nil {
			return err
		}
	}
	return nil
}

// takeDescriptors duplicates standard input until the limit is reached.
func takeDescriptors() (taken []int) {
	for {
		fd, err := syscall.Dup(0)
		if errors.Is(err, syscall.EMFILE) {
			return taken
		}
		if err == nil {
			taken = append(taken, fd)
		}
	}
}

// processorTime is what this process has used of all processors together.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
