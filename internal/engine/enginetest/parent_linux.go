package enginetest

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"syscall"

	"echod/internal/engine"
	"echod/internal/sock"
)

// child is a server in a process of its own, which a case may mistreat.
type child struct {
	t       trial
	spec    sock.Spec
	process *os.Process
	in      io.Writer
	out     *json.Decoder
}

// spawn starts a child that serves with the trial's engine. It is killed when
// the trial is over.
func (t trial) spawn(cfg childConfig) *child {
	t.Helper()
	if !hasMain {
		t.Fatal("the package's TestMain must call enginetest.Main: this case starts the test binary again")
	}
	cfg.Engine = t.engine.Name()
	cfg.Listener = t.anywhere(t.network).Spec
	told, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(told))
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	in, out := must(cmd.StdinPipe())(t), must(cmd.StdoutPipe())(t)
	if err := cmd.Start(); err != nil {
		t.Fatalf("start a child: %v", err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("the child wrote:\n%s", &complaints)
		}
	})
	c := &child{t: t, process: cmd.Process, in: in, out: json.NewDecoder(out)}
	c.spec = c.report().Spec
	return c
}

// must returns what a call returned, and fails the trial if that was an error.
func must[T any](v T, err error) func(trial) T {
	return func(t trial) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// tell gives a command and waits for the report that follows it.
func (c *child) tell(command string) childReport {
	c.t.Helper()
	c.say(command)
	return c.report()
}

// say gives a command that will not be answered.
func (c *child) say(command string) {
	c.t.Helper()
	if _, err := io.WriteString(c.in, command+"\n"); err != nil {
		c.t.Fatalf("command a child to %s: %v", command, err)
	}
}

func (c *child) report() (r childReport) {
	c.t.Helper()
	if err := c.out.Decode(&r); err != nil {
		c.t.Fatalf("a child's report: %v", err)
	}
	return r
}

// waitFor waits until the child's books say so.
func (c *child) waitFor(what string, done func(engine.Stats) bool) (r childReport) {
	c.t.Helper()
	c.t.eventually(func() bool {
		r = c.tell(childStats)
		return done(r.Stats)
	}, "%s; the child's books say %+v", what, &r.Stats)
	return r
}

// signal sends the child a signal.
func (c *child) signal(sig syscall.Signal) {
	c.t.Helper()
	if err := c.process.Signal(sig); err != nil {
		c.t.Fatalf("send a child %v: %v", sig, err)
	}
}

// stop halts the child, and returns when none of its threads runs any more.
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

func (c *child) where() sock.Spec { return c.spec }
