//go:build linux && (amd64 || arm64)

package sandbox_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"echod/internal/sandbox"
)

// rare are calls of the filter that a short life does not make, with the reason why they are
// needed.
var rare = map[uint32]string{
	unix.SYS_GETPEERNAME:       "the page asks for the peer of a connection whose address was not kept",
	unix.SYS_EPOLL_CREATE1:     "the runtime makes its poller when a timer or a file first needs it",
	unix.SYS_EVENTFD2:          "as epoll_create1",
	unix.SYS_BIND:              "a datagram socket that ss -K destroyed is bound again; netlink",
	unix.SYS_SOCKET:            "netlink, for the interface of a link-local address",
	unix.SYS_GETDENTS64:        "VRFs; before Linux 6.2, descriptors are counted by listing /proc/self/fd",
	unix.SYS_PREAD64:           "the runtime of agent reads the limits of its control group; that of serve has GOMAXPROCS",
	unix.SYS_SCHED_GETAFFINITY: "as pread64, for the processors of the process",
	unix.SYS_MADVISE:           "the runtime returns memory",
	unix.SYS_PRCTL:             "the runtime names memory that it gets",
	unix.SYS_CLOCK_GETTIME:     "machines whose clock the vDSO cannot read",
	unix.SYS_EXIT:              "the end of a thread that was locked",
	unix.SYS_RT_SIGACTION:      "the runtime restores the default of SIGABRT before it aborts",
	unix.SYS_KILL:              "the runtime sends a signal to itself",
	unix.SYS_RESTART_SYSCALL:   "the kernel makes it after SIGSTOP and SIGCONT",
	unix.SYS_RSEQ:              "threads of the C library, as brk, mprotect and set_robust_list",
	unix.SYS_SET_ROBUST_LIST:   "as rseq",
	unix.SYS_BRK:               "as rseq",
	unix.SYS_MPROTECT:          "as rseq",
}

// findStrace returns the path of strace(1). Without it, it skips the test, or fails it if
// ECHOD_REQUIRE is set.
func findStrace(t *testing.T) string {
	t.Helper()
	strace, err := exec.LookPath("strace")
	switch {
	case err == nil:
	case os.Getenv("ECHOD_REQUIRE") != "":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
	return strace
}

// TestEveryAllowedCallIsMade counts the calls of all engines with strace(1). A call that none
// of them makes has a reason in rare, or it is not allowed.
func TestEveryAllowedCallIsMade(t *testing.T) {
	t.Parallel()
	needSandbox(t)
	strace := findStrace(t)
	dir := t.TempDir()
	log := filepath.Join(dir, "calls")
	run(t, "cert", "--dir", dir)
	e := startCommand(t, dir, []string{"GOTRACEBACK=crash"}, strace, "-D", "-f", "-n", "-qq", "-o", log, os.Args[0], "serve",
		"--listen", "tcp://127.0.0.1:0?engine=net", "--listen", "tcp://127.0.0.1:0?engine=select", "--listen", "tcp://127.0.0.1:0?engine=poll",
		"--listen", "tcp://127.0.0.1:0?engine=epoll", "--listen", "udp://127.0.0.1:0?engine=net", "--listen", "udp://127.0.0.1:0",
		"--listen", "unix://"+filepath.Join(dir, "s"), "--listen", "tls://localhost:0", "--tls-cert", "server.pem", "--tls-key", "server-key.pem")
	e.checkAll("--timeout", "20s")
	e.inspect()
	e.signal(syscall.SIGHUP)
	e.await("certificate reloaded")
	e.stop(syscall.SIGTERM)
	made := callsAfterTheFilter(t, log)
	for _, call := range slices.Concat(sandbox.Allowed, sandbox.Conditionals) {
		if !made[call] && rare[call] == "" {
			t.Errorf("call %d is allowed, and nobody makes it: remove it from the filter, or give a reason here", call)
		}
	}
	for call := range rare {
		if !slices.Contains(slices.Concat(sandbox.Allowed, sandbox.Conditionals), call) {
			t.Errorf("call %d has a reason, and is not allowed", call)
		}
	}
	if !made[unix.SYS_RECVFROM] {
		t.Errorf("strace saw no message: %v", made)
	}
}

// callsAfterTheFilter returns the numbers of the calls in the output of strace, after the
// filter was in force.
func callsAfterTheFilter(t *testing.T, log string) map[uint32]bool {
	t.Helper()
	var text string
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(text, "exit_group("); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("strace did not write the end of the process")
		}
		content, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		text = string(content)
	}
	filters := regexp.MustCompile(`seccomp\(SECCOMP_SET_MODE_FILTER, .*len=`).FindAllStringIndex(text, -1)
	if len(filters) != 1 {
		t.Fatalf("strace saw %d filters", len(filters))
	}
	made := map[uint32]bool{}
	for _, match := range regexp.MustCompile(`(?m)^\d+ +\[ *(\d+)\] `).FindAllStringSubmatch(text[filters[0][1]:], -1) {
		number, err := strconv.ParseUint(match[1], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		made[uint32(number)] = true
	}
	return made
}
