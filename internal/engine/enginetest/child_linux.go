package enginetest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"echod/internal/engine"
	"echod/internal/sock"
)

// childConfig is the configuration of a child, in JSON.
type childConfig struct {
	Engine   string
	Listener sock.Spec
	Backlog  int    // if not 0, the child inherits a socket with this backlog
	NoFile   uint64 // if not 0, the limit on descriptors

	IdleTimeout time.Duration
}

// childReport is the answer of a child to every command.
type childReport struct {
	Spec  sock.Spec // where it listens
	Stats engine.Stats
	CPU   time.Duration // CPU time used so far
}

// The commands, one a line. At the end of its input the child exits.
const (
	childStats   = "stats"   // only report
	childExhaust = "exhaust" // use up all descriptors
	childRelieve = "relieve" // close them again
	childPanic   = "panic"
)

// serveChild runs in the child: it serves, and runs the commands of the parent.
func serveChild(config string, engines []engine.Engine) error {
	var cfg childConfig
	if err := json.Unmarshal([]byte(config), &cfg); err != nil {
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
	return runCommands(srv)
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

// shortQueue returns a listening socket with a short accept queue.
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
	// A second listen(2) only changes the length of the queue.
	if err := syscall.Listen(int(file.Fd()), backlog); err != nil {
		return nil, sock.Spec{}, os.NewSyscallError("listen", err)
	}
	addr := l.Addr().(*net.TCPAddr).AddrPort()
	return file, sock.Spec{Network: "tcp", Host: "127.0.0.1", Addr: addr}, nil
}

// runCommands runs one command after the other and reports after each.
func runCommands(srv engine.Server) error {
	var taken []int
	out := json.NewEncoder(os.Stdout)
	report := func() error {
		return out.Encode(childReport{Spec: srv.Listeners()[0], Stats: srv.Stats(), CPU: cpuTime()})
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

// cpuTime returns the CPU time that this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// child is a server in a process of its own, which a case may stop or kill.
type child struct {
	t       trial
	spec    sock.Spec
	process *os.Process
	in      io.Writer
	out     *json.Decoder
}

// spawn starts a child with the engine of the trial. It is killed at the end of the
// trial.
func (t trial) spawn(cfg childConfig) *child {
	t.Helper()
	if !hasMain {
		t.Fatal("the package's TestMain must call enginetest.Main: this case starts the test binary again")
	}
	cfg.Engine = t.engine.Name()
	cfg.Listener = t.listener(t.network).Spec
	config, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(config))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, out := must(cmd.StdinPipe())(t), must(cmd.StdoutPipe())(t)
	if err := cmd.Start(); err != nil {
		t.Fatalf("start a child: %v", err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("the child wrote:\n%s", &stderr)
		}
	})
	c := &child{t: t, process: cmd.Process, in: in, out: json.NewDecoder(out)}
	c.spec = c.report().Spec
	return c
}

// must returns v, or fails the trial if there is an error.
func must[T any](v T, err error) func(trial) T {
	return func(t trial) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// command sends a command and returns the report.
func (c *child) command(command string) childReport {
	c.t.Helper()
	c.send(command)
	return c.report()
}

// send sends a command without waiting for a report.
func (c *child) send(command string) {
	c.t.Helper()
	if _, err := io.WriteString(c.in, command+"\n"); err != nil {
		c.t.Fatalf("send the command %s to a child: %v", command, err)
	}
}

func (c *child) report() (r childReport) {
	c.t.Helper()
	if err := c.out.Decode(&r); err != nil {
		c.t.Fatalf("a child's report: %v", err)
	}
	return r
}

// waitFor waits until done returns true for the child's counters.
func (c *child) waitFor(what string, done func(engine.Stats) bool) (r childReport) {
	c.t.Helper()
	c.t.eventually(func() bool {
		r = c.command(childStats)
		return done(r.Stats)
	}, "%s; the child's counters are %+v", what, &r.Stats)
	return r
}

// signal sends the child a signal.
func (c *child) signal(sig syscall.Signal) {
	c.t.Helper()
	if err := c.process.Signal(sig); err != nil {
		c.t.Fatalf("send a child %v: %v", sig, err)
	}
}

// stop stops the child. On return none of its threads runs.
func (c *child) stop() {
	c.t.Helper()
	c.signal(syscall.SIGSTOP)
	for {
		var status syscall.WaitStatus
		switch _, err := syscall.Wait4(c.process.Pid, &status, syscall.WUNTRACED, nil); {
		case err == syscall.EINTR:
		case err != nil || !status.Stopped():
			c.t.Fatalf("stop a child: %v, status %v", err, status)
		default:
			return
		}
	}
}

func (c *child) address() sock.Spec { return c.spec }
