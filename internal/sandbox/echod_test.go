//go:build linux && (amd64 || arm64)

package sandbox_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/cli"
)

// asEchod is the variable that makes this test binary run echod, which then dies when the
// filter refuses a call.
const asEchod = "ECHOD_TEST_IS_ECHOD"

// echod is a process of this test binary.
type echod struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  *bufio.Scanner
	said bytes.Buffer
	urls []string
	http string // of the admin address
}

// start runs echod with --sandbox on until the line of its admin address.
func start(t *testing.T, dir string, env []string, args ...string) *echod {
	t.Helper()
	return startCommand(t, dir, env, append([]string{os.Args[0]}, args...)...)
}

// startCommand runs echod with a command that starts it.
func startCommand(t *testing.T, dir string, env []string, command ...string) *echod {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute) // a process without a call may hang
	t.Cleanup(cancel)
	e := &echod{t: t, cmd: exec.CommandContext(ctx, command[0], append(command[1:], "--sandbox", "on", "--admin", "127.0.0.1:0", "--admin-pprof")...)}
	e.cmd.Dir = dir
	e.cmd.Env = append(append(os.Environ(), asEchod+"=1"), env...)
	stderr, err := e.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.cmd.Process.Kill(); e.cmd.Wait() })
	e.log = bufio.NewScanner(stderr)
	for e.http == "" {
		line := e.await("url=")
		address := line[strings.LastIndex(line, "url=")+4:]
		address, _, _ = strings.Cut(address, " ")
		if strings.Contains(line, "admin listening") {
			e.http = address
		} else {
			e.urls = append(e.urls, address)
		}
	}
	return e
}

// await returns the next line of the log that has text.
func (e *echod) await(text string) string {
	e.t.Helper()
	for e.log.Scan() {
		line := e.log.Text()
		fmt.Fprintln(&e.said, line)
		if strings.Contains(line, text) {
			return line
		}
	}
	e.t.Fatalf("echod ended before it logged %q:\n%s", text, &e.said)
	return ""
}

// signal sends a signal.
func (e *echod) signal(sig syscall.Signal) {
	e.t.Helper()
	if err := e.cmd.Process.Signal(sig); err != nil {
		e.t.Fatal(err)
	}
}

// stop sends a signal, and returns the exit code and what was logged from the start.
func (e *echod) stop(sig syscall.Signal) (code int, log string) {
	e.t.Helper()
	e.signal(sig)
	for e.log.Scan() {
		fmt.Fprintln(&e.said, e.log.Text())
	}
	e.cmd.Wait()
	return e.cmd.ProcessState.ExitCode(), e.said.String()
}

// get returns a page of the admin address.
func (e *echod) get(path string) string {
	e.t.Helper()
	answer, err := http.Get(e.http + path)
	if err != nil {
		e.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		e.t.Errorf("GET %s: %s, %v\n%s", path, answer.Status, err, body)
	}
	return string(body)
}

// checkAll runs the rules of check that apply, or, without ECHOD_TEST_SANDBOX_CASES=all, those that
// take no time, against all URLs at once.
func (e *echod) checkAll(flags ...string) {
	e.t.Helper()
	if os.Getenv("ECHOD_TEST_SANDBOX_CASES") != "all" {
		for _, rule := range []string{"stream/half-close", "stream/binary-exact", "stream/size-sweep", "datagram/exact"} {
			flags = append(flags, "--rule", rule)
		}
	}
	var checks sync.WaitGroup
	for _, url := range e.urls {
		checks.Go(func() {
			args := append([]string{"check", url}, flags...)
			if strings.HasPrefix(url, "tls:") {
				args = append(args, "--tls-ca", filepath.Join(e.cmd.Dir, "ca.pem"))
			}
			run(e.t, args...)
		})
	}
	checks.Wait()
}

// run runs another verb of echod in this process.
func run(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	code := cli.Run(context.Background(), cli.Process{Args: args, Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }})
	if code != cli.OK {
		t.Errorf("echod %s: exit code %d\n%s%s", strings.Join(args, " "), code, &out, &errs)
	}
	return out.String()
}

// complaints are the lines of a log that are warnings and errors.
func complaints(log string) []string {
	return regexp.MustCompile(`(?m)^.*(WARN|ERROR).*$`).FindAllString(log, -1)
}

func TestServeKeepsItsPromisesInTheSandbox(t *testing.T) {
	for _, engine := range engines() {
		t.Run(engine.Name(), func(t *testing.T) {
			t.Parallel()
			needSandbox(t)
			dir := t.TempDir()
			socket := filepath.Join(dir, "s")
			args := []string{"serve", "--engine", engine.Name(), "--listen", "tcp://127.0.0.1:0",
				"--listen", "udp://127.0.0.1:0", "--listen", "unix://" + socket, "--trace=first:1", "--trace-file", filepath.Join(dir, "trace")}
			if engine.Name() == "net" {
				run(t, "cert", "--dir", dir)
				args = append(args, "--listen", "tls://localhost:0", "--tls-cert", "server.pem", "--tls-key", "server-key.pem")
			}
			e := start(t, dir, nil, args...)
			e.checkAll()
			if engine.Name() == "net" {
				run(t, "cert", "--dir", dir, "--renew")
				e.signal(syscall.SIGHUP)
				e.await("certificate reloaded")
			}
			e.inspect()
			code, log := e.stop(syscall.SIGTERM)
			if code != 0 || len(complaints(log)) > 0 {
				t.Errorf("got exit code %d, log:\n%s", code, log)
			}
			if _, err := os.Stat(socket); err == nil {
				t.Error("the file of the unix socket is left")
			}
		})
	}
}

// inspect reads everything at the admin address.
func (e *echod) inspect() {
	e.t.Helper()
	metrics := e.get("/metrics")
	for _, name := range []string{"process_cpu_seconds_total", "process_start_time_seconds", "process_open_fds", "process_max_fds",
		"process_resident_memory_bytes", "process_network_receive_bytes_total", "go_goroutines"} {
		if !strings.Contains(metrics, "\n"+name+" ") {
			e.t.Errorf("/metrics has no %s", name)
		}
	}
	e.get("/")
	e.get("/debug/pprof/heap?debug=0")
	e.get("/debug/pprof/trace?seconds=0.01")
	if profile := e.get("/debug/pprof/profile?seconds=1"); len(profile) == 0 {
		e.t.Error("the CPU profile is empty")
	}
}

func TestAgentKeepsItsPromisesInTheSandbox(t *testing.T) {
	t.Parallel()
	needSandbox(t)
	dir := t.TempDir()
	agent := start(t, dir, nil, "agent", "--listen", "tcp://127.0.0.1:0")
	serve := start(t, dir, nil, "serve", "--listen", "tcp://127.0.0.1:0", "--listen", "udp://127.0.0.1:0")
	serve.checkAll("--agent", agent.urls[0])
	agent.inspect()
	for _, e := range []*echod{agent, serve} {
		code, log := e.stop(syscall.SIGTERM)
		if code != 0 || slices.ContainsFunc(complaints(log), func(line string) bool { return !strings.Contains(line, "--token") }) {
			t.Errorf("got exit code %d, log:\n%s", code, log)
		}
	}
}

// allowCore lets processes of this test dump core, as with ulimit -c.
func allowCore(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(unix.RLIMIT_CORE, &limit); err != nil {
		t.Fatal(err)
	}
}

// TestCrashesAreReportedInTheSandbox: SIGQUIT writes the stacks, and with GOTRACEBACK=crash
// the process ends by SIGABRT, which writes a core dump where the system wants one.
func TestCrashesAreReportedInTheSandbox(t *testing.T) {
	allowCore(t)
	for _, tt := range []struct {
		traceback string
		code      int // -1: ended by a signal
	}{{"single", 2}, {"crash", -1}} {
		t.Run(tt.traceback, func(t *testing.T) {
			t.Parallel()
			needSandbox(t)
			dir := t.TempDir()
			e := start(t, dir, []string{"GOTRACEBACK=" + tt.traceback}, "serve", "--listen", "tcp://127.0.0.1:0")
			code, log := e.stop(syscall.SIGQUIT)
			if code != tt.code || !strings.Contains(log, "SIGQUIT: quit") || !strings.Contains(log, "\ngoroutine ") || strings.Contains(log, "SIGSYS") {
				t.Errorf("got exit code %d, log:\n%s", code, log)
			}
			status := e.cmd.ProcessState.Sys().(syscall.WaitStatus)
			if tt.code < 0 && status.Signal() != syscall.SIGABRT {
				t.Errorf("ended by %v, want SIGABRT", status.Signal())
			}
			if pattern, _ := os.ReadFile("/proc/sys/kernel/core_pattern"); string(pattern) == "core\n" && status.Signaled() && !status.CoreDump() {
				t.Error("no core was dumped")
			}
		})
	}
}

// TestWithoutAPartOfTheSandbox lets the calls fail as on a kernel without Landlock or without
// seccomp.
func TestWithoutAPartOfTheSandbox(t *testing.T) {
	for _, tt := range []struct{ call, errno, why, state string }{
		{"landlock_create_ruleset", "EOPNOTSUPP", "this kernel has Landlock switched off (lsm= of its command line)", "seccomp=yes landlock=no"},
		{"landlock_create_ruleset", "ENOSYS", "this kernel has no Landlock (Linux 5.13)", "seccomp=yes landlock=no"},
		{"seccomp", "EINVAL", "this kernel has no seccomp filters for all threads (Linux 5.7)", "seccomp=no landlock=v"},
	} {
		t.Run(tt.call+" "+tt.errno, func(t *testing.T) {
			t.Parallel()
			needSandbox(t)
			command := []string{findStrace(t), "-D", "-f", "-qq", "-o", "/dev/null", "-e", "inject=" + tt.call + ":error=" + tt.errno, os.Args[0],
				"serve", "--listen", "tcp://127.0.0.1:0", "--sandbox"}
			on := exec.Command(command[0], append(command[1:], "on")...)
			on.Env = append(os.Environ(), asEchod+"=1")
			out, _ := on.CombinedOutput()
			want := "echod: --sandbox on: " + tt.why + "; want auto, or a kernel that has it\n"
			if code := on.ProcessState.ExitCode(); code != 1 || string(out) != want {
				t.Errorf("on: got exit code %d and %q, want 1 and %q", code, out, want)
			}
			auto := exec.Command(command[0], append(command[1:], "auto")...)
			auto.Env = append(os.Environ(), asEchod+"=1")
			stderr, err := auto.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := auto.Start(); err != nil {
				t.Fatal(err)
			}
			for log := bufio.NewScanner(stderr); log.Scan(); {
				if strings.Contains(log.Text(), "sandboxed") {
					if !strings.Contains(log.Text(), tt.state) || !strings.Contains(log.Text(), "why=") {
						t.Errorf("auto: got %q, want %q with the reason", log.Text(), tt.state)
					}
					break
				}
			}
			auto.Process.Kill()
			auto.Wait()
		})
	}
}
