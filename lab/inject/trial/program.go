package trial

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"echod/lab/inject/client"
	"echod/lab/inject/lab"
	"echod/lab/inject/plan"
)

// program is a running echod, and its address for each kind of client.
type program struct {
	*lab.Process
	env    *Env
	target plan.Target
	dir    string
	at     map[plan.Kind]net.Addr
}

// startTimeout is how long a program may take to start on a busy machine under strace.
const startTimeout = 30 * time.Second

// argv returns the command line of a target.
func (e *Env) argv(target plan.Target, dir string) []string {
	argv := []string{e.Echod, target.Verb, "--admin", "127.0.0.1:0"}
	switch target.Verb {
	case "serve":
		argv = append(argv, "--engine", target.Engine, "--drain-timeout", "5s", "--listen", "tcp://127.0.0.1:0",
			"--listen", "udp://127.0.0.1:0", "--listen", "unix://"+filepath.Join(dir, "echo.sock"))
		if target.Lean {
			argv = append(argv, "--max-memory", "4KiB", "--buffer", "4KiB") // the first connection uses all of it
		}
		if slices.Contains(target.Serves(), plan.TLS) {
			argv = append(argv, "--listen", "tls://127.0.0.1:0", "--tls-cert", filepath.Join(e.Dir, "server.pem"),
				"--tls-key", filepath.Join(e.Dir, "server-key.pem"))
		}
	case "agent":
		argv = append(argv, "--listen", "tcp://127.0.0.1:0")
	case "watch":
		argv = append(argv, "--interval", "20ms", "--timeout", "500ms", "--resolve", "100ms")
		if target.Name == "watch/reconnect" {
			argv = append(argv, "--reconnect")
		}
		argv = append(argv, e.probed...)
	}
	return argv
}

// launch starts a target in dir. If its start is traced, the process is stopped first.
func (e *Env) launch(target plan.Target, dir string) (*program, error) {
	start := lab.Start
	if target.Phase == plan.Starting {
		start = lab.StartStopped
	}
	process, err := start(dir, e.argv(target, dir)...)
	if err != nil {
		return nil, err
	}
	return &program{Process: process, env: e, target: target, dir: dir}, nil
}

// listeningLine matches a log line with the address of a listener.
var listeningLine = regexp.MustCompile(`listening url=(\S+)`)

// listening waits until the program has logged the address of every listener.
func (p *program) listening() error {
	want := len(p.target.Serves())
	if p.target.Verb != "serve" {
		want-- // the agent logs one address for both sockets; watch has only the admin listener
	}
	err := p.Await(startTimeout, func(lines []string) bool {
		p.at = addresses(lines, p.target.Verb)
		n := 0
		for _, line := range lines {
			if listeningLine.MatchString(line) {
				n++
			}
		}
		return n >= want
	})
	if err != nil {
		return fmt.Errorf("%s did not start: %w", p.target.Name, err)
	}
	return nil
}

func addresses(lines []string, verb string) map[plan.Kind]net.Addr {
	at := make(map[plan.Kind]net.Addr)
	for _, line := range lines {
		match := listeningLine.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		u, err := url.Parse(match[1])
		if err != nil {
			continue
		}
		stream, _ := net.ResolveTCPAddr("tcp", u.Host)
		switch {
		case u.Scheme == "http":
			at[plan.Admin], at[plan.Probes] = stream, stream
		case verb == "agent":
			at[plan.Scenario] = stream
			at[plan.Key] = &net.UDPAddr{IP: stream.IP, Port: stream.Port}
		case u.Scheme == "tcp":
			at[plan.TCP] = stream
		case u.Scheme == "tls":
			at[plan.TLS] = stream
		case u.Scheme == "udp":
			at[plan.UDP] = &net.UDPAddr{IP: stream.IP, Port: stream.Port}
		case u.Scheme == "unix":
			at[plan.Unix] = &net.UnixAddr{Net: "unix", Name: u.Path}
		}
	}
	return at
}

// dial starts a session of this kind.
func (p *program) dial(kind plan.Kind, wait time.Duration) (client.Session, error) {
	addr := p.at[kind]
	switch kind {
	case plan.TLS:
		return client.DialTLS(addr.String(), wait)
	case plan.UDP:
		return client.DialUDP(addr.String())
	case plan.Admin:
		return client.DialHTTP(addr.String(), "/metrics", wait, hasMetrics)
	case plan.Probes:
		return client.DialHTTP(addr.String(), "/metrics", wait, allUp)
	case plan.Scenario:
		return client.DialScenario(addr.String(), wait)
	case plan.Key:
		return client.DialKey(addr.String())
	}
	return client.Dial(addr.Network(), addr.String(), wait)
}

func hasMetrics(body string) error {
	if !strings.Contains(body, "# TYPE echod_") || !strings.HasSuffix(body, "\n") {
		return fmt.Errorf("got %d bytes without metrics", len(body))
	}
	return nil
}

// probedTargets is the number of targets of watch.
const probedTargets = 3

// allUp checks the metrics of watch: every target is up.
func allUp(body string) error {
	up := make(map[string]bool)
	for line := range strings.Lines(body) {
		labels, ok := strings.CutPrefix(line, "echod_watch_up{")
		if !ok {
			continue
		}
		_, target, _ := strings.Cut(labels, `target="`)
		target, _, _ = strings.Cut(target, `"`)
		up[target] = up[target] || strings.HasSuffix(line, "} 1\n")
	}
	for target, ok := range up {
		if !ok {
			return fmt.Errorf("%s is down", target)
		}
	}
	if len(up) != probedTargets {
		return fmt.Errorf("%d targets, want %d", len(up), probedTargets)
	}
	return nil
}

// logLine matches a log line, which starts with the time.
var logLine = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`)
