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

// program is a running echod and where each kind of client finds it.
type program struct {
	*lab.Process
	site   *Site
	target plan.Target
	dir    string
	at     map[plan.Kind]net.Addr
}

// startLimit is how long a program may take to start, on a busy machine and
// under strace.
const startLimit = 30 * time.Second

// argv is the command line of a target.
func (s *Site) argv(target plan.Target, dir string) []string {
	argv := []string{s.Echod, target.Verb, "--admin", "127.0.0.1:0"}
	switch target.Verb {
	case "serve":
		argv = append(argv, "--engine", target.Engine, "--drain-timeout", "5s", "--listen", "tcp://127.0.0.1:0",
			"--listen", "udp://127.0.0.1:0", "--listen", "unix://"+filepath.Join(dir, "echo.sock"))
		if target.Lean {
			argv = append(argv, "--max-memory", "4KiB", "--buffer", "4KiB") // the first connection takes it all
		}
		if slices.Contains(target.Serves(), plan.TLS) {
			argv = append(argv, "--listen", "tls://127.0.0.1:0", "--tls-cert", filepath.Join(s.Dir, "server.pem"),
				"--tls-key", filepath.Join(s.Dir, "server-key.pem"))
		}
	case "agent":
		argv = append(argv, "--listen", "tcp://127.0.0.1:0")
	case "watch":
		argv = append(argv, "--interval", "20ms", "--timeout", "500ms", "--resolve", "100ms")
		if target.Name == "watch/reconnect" {
			argv = append(argv, "--reconnect")
		}
		argv = append(argv, s.probed...)
	}
	return argv
}

// launch starts a target in dir; stopped, if its start is to be traced.
func (s *Site) launch(target plan.Target, dir string) (*program, error) {
	start := lab.Start
	if target.Phase == plan.Starting {
		start = lab.StartStopped
	}
	process, err := start(dir, s.argv(target, dir)...)
	if err != nil {
		return nil, err
	}
	return &program{Process: process, site: s, target: target, dir: dir}, nil
}

// announced finds the address in a line of the log that says where it listens.
var announced = regexp.MustCompile(`listening url=(\S+)`)

// listening waits until the program has said of every listener where it is.
func (p *program) listening() error {
	want := len(p.target.Serves())
	if p.target.Verb != "serve" {
		want-- // the agent says so once for both, and watch has no listener but admin's
	}
	err := p.Await(startLimit, func(lines []string) bool {
		p.at = addresses(lines, p.target.Verb)
		n := 0
		for _, line := range lines {
			if announced.MatchString(line) {
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
		match := announced.FindStringSubmatch(line)
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

// dial begins a conversation of that kind.
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
		return fmt.Errorf("an answer of %d bytes without metrics", len(body))
	}
	return nil
}

// probedTargets is how many targets watch is given.
const probedTargets = 3

// allUp reads the metrics of watch.
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

// logged matches a line of the log, which begins with the time.
var logged = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`)
