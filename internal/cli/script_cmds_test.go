//go:build unix

package cli

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/pflag"
)

// stage has what a script has started, by the names that it gave.
type stage struct {
	vars      []string
	clients   map[string]net.Conn
	servers   map[string]*exec.Cmd
	listeners map[string]net.Listener
}

// setupScript adds echod to the PATH of a script: it is this test binary.
func setupScript(env *testscript.Env) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	bin := filepath.Join(env.WorkDir, ".bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		return err
	}
	if err := os.Symlink(exe, filepath.Join(bin, "echod")); err != nil {
		return err
	}
	env.Setenv("PATH", bin+":"+env.Getenv("PATH"))
	env.Setenv(asEchod, "1")
	s := &stage{
		vars: env.Vars, clients: make(map[string]net.Conn), servers: make(map[string]*exec.Cmd),
		listeners: make(map[string]net.Listener),
	}
	env.Values["stage"] = s
	env.Defer(func() {
		for _, conn := range s.clients {
			conn.Close()
		}
		for _, server := range s.servers {
			server.Process.Kill()
			server.Wait()
		}
	})
	return nil
}

func stageOf(ts *testscript.TestScript) *stage { return ts.Value("stage").(*stage) }

// exits CODE ARG... runs echod. The exit code must be CODE, or one of several with |
// between them. Other commands then check the output.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	got := 0
	if err := ts.Exec("echod", args[1:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("echod: %v", err)
		}
		got = exit.ExitCode()
	}
	if !slices.Contains(strings.Split(args[0], "|"), strconv.Itoa(got)) {
		ts.Fatalf("echod exits with %d, want %s", got, args[0])
	}
}

// start NAME ARG... starts echod. Its standard error goes to the file NAME.log, and its
// standard output to NAME.out.
func start(ts *testscript.TestScript, _ bool, args []string) {
	log, err := os.Create(ts.MkAbs(args[0] + ".log"))
	ts.Check(err)
	defer log.Close()
	out, err := os.Create(ts.MkAbs(args[0] + ".out"))
	ts.Check(err)
	defer out.Close()
	cmd := exec.Command(ts.MkAbs(".bin/echod"), args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), out, log
	cmd.Env = append(slices.Clone(stageOf(ts).vars), "GOMAXPROCS="+ts.Getenv("GOMAXPROCS"))
	newServe(&Process{}).Flags().VisitAll(func(f *pflag.Flag) {
		cmd.Env = append(cmd.Env, variable(f.Name)+"="+ts.Getenv(variable(f.Name)))
	})
	ts.Check(cmd.Start())
	stageOf(ts).servers[args[0]] = cmd
}

// signal NAME SIGNAL [CLIENT] sends a signal to a process of start. With a client of dial, it
// sends the signal until that connection ends: soon after another signal, one is ignored.
func sendSignal(ts *testscript.TestScript, _ bool, args []string) {
	number := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL, "HUP": syscall.SIGHUP, "QUIT": syscall.SIGQUIT}[args[1]]
	process := stageOf(ts).servers[args[0]].Process
	ts.Check(process.Signal(number))
	if len(args) > 2 {
		ts.Check(signalUntilEnd(process, number, stageOf(ts).clients[args[2]]))
	}
}

// signalUntilEnd sends a signal again and again until conn ends.
func signalUntilEnd(process *os.Process, s syscall.Signal, conn net.Conn) error {
	for deadline := time.Now().Add(testTimeout); time.Now().Before(deadline); {
		conn.SetReadDeadline(time.Now().Add(sameMoment / 5))
		if _, err := conn.Read(make([]byte, 1)); err != nil && !os.IsTimeout(err) {
			return nil
		}
		process.Signal(s)
	}
	return errors.New("the connection does not end")
}

// ended NAME CODE waits for a process of start to exit with that code; -1 means that a
// signal killed it.
func ended(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	cmd := stageOf(ts).servers[args[0]]
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != want {
		log, _ := os.ReadFile(ts.MkAbs(args[0] + ".log"))
		ts.Fatalf("%s exits with %d, want %d:\n%s", args[0], got, want, log)
	}
}

// await FILE REGEXP [VARIABLE] waits until a line of FILE matches, and puts the
// first group of the match into VARIABLE.
func await(ts *testscript.TestScript, _ bool, args []string) {
	pattern := regexp.MustCompile("(?m)" + args[1])
	path := ts.MkAbs(args[0])
	for deadline := time.Now().Add(testTimeout); ; time.Sleep(2 * time.Millisecond) {
		text, _ := os.ReadFile(path)
		if match := pattern.FindSubmatch(text); match != nil {
			if len(args) > 2 {
				ts.Setenv(args[2], string(match[1]))
			}
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s never matched %s:\n%s", args[0], args[1], text)
		}
	}
}

// occupy NETWORK VARIABLE binds a free port, or the unix socket at NETWORK, until the
// script ends, and sets VARIABLE to the URL.
func occupy(ts *testscript.TestScript, _ bool, args []string) {
	network, address := args[0], "127.0.0.1:0"
	if strings.HasPrefix(network, "/") {
		network, address = "unix", network
	}
	ln, err := net.Listen(network, address)
	ts.Check(err)
	ts.Defer(func() { ln.Close() })
	stageOf(ts).listeners[args[1]] = ln
	ts.Setenv(args[1], network+"://"+ln.Addr().String())
	_, port, _ := strings.Cut(ln.Addr().String(), ":")
	ts.Setenv(args[1]+"_PORT", port)
}

// acceptSome implements accept VARIABLE N: it accepts N connections to a port of occupy,
// and sends nothing on them until the script ends.
func acceptSome(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ln := stageOf(ts).listeners[args[0]]
	ln.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Now().Add(testTimeout))
	for range n {
		conn, err := ln.Accept()
		ts.Check(err)
		ts.Defer(func() { conn.Close() })
	}
}
