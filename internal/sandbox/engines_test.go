//go:build linux && (amd64 || arm64)

package sandbox_test

import (
	"os"
	"os/exec"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"echod/internal/engine"
	"echod/internal/engine/enginetest"
	"echod/internal/engine/gonet"
	"echod/internal/engine/reactor"
	"echod/internal/sys"
)

// engines are all engines.
func engines() []engine.Engine {
	return slices.Concat([]engine.Engine{gonet.New()}, reactor.All(&sys.Linux{}))
}

// underFilter is the variable that makes this test binary run the cases of enginetest under
// the filter.
const underFilter = "ECHOD_TEST_UNDER_FILTER"

// filtered is whether this process runs them.
var filtered bool

// clientCalls are what the cases need besides: they are the clients, bind the sockets,
// start processes and use up descriptors.
var clientCalls = []uint32{
	unix.SYS_SOCKET, unix.SYS_CONNECT, unix.SYS_LISTEN, unix.SYS_CLONE, unix.SYS_CLONE3, unix.SYS_EXECVE, unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_SEND_SIGNAL, unix.SYS_WAITID, unix.SYS_WAIT4, unix.SYS_PIPE2,
	unix.SYS_KILL, unix.SYS_OPENAT, unix.SYS_UNLINKAT, unix.SYS_MKDIRAT, unix.SYS_FCHMODAT, unix.SYS_FLOCK, unix.SYS_DUP, unix.SYS_DUP3, unix.SYS_FCNTL, unix.SYS_PRLIMIT64,
	unix.SYS_GETRUSAGE, unix.SYS_MPROTECT, unix.SYS_MMAP, unix.SYS_BRK, unix.SYS_SET_TID_ADDRESS, unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_PRCTL, unix.SYS_UNAME,
	unix.SYS_IOCTL, unix.SYS_MINCORE, unix.SYS_READLINKAT, unix.SYS_FACCESSAT2, unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID, unix.SYS_TGKILL, unix.SYS_GETPPID, unix.SYS_MREMAP, unix.SYS_SYSINFO, unix.SYS_SPLICE,
	unix.SYS_WRITEV, unix.SYS_CLOSE_RANGE,
}

// oldClientCalls are those of the dynamic linker that only older architectures have.
var oldClientCalls = map[string][]uint32{"amd64": {21, 97, 158}}

// TestEnginesUnderTheFilter is the whole suite of enginetest, or, without
// ECHOD_TEST_SANDBOX_CASES=all, a part of it, in a process that a call outside of the list ends.
func TestEnginesUnderTheFilter(t *testing.T) {
	t.Parallel()
	cases := "^TestEngine$/./half-close|every_answer|new_certificate|was_sent_to|panic"
	if os.Getenv("ECHOD_TEST_SANDBOX_CASES") == "all" {
		cases = "^TestEngine$"
	}
	cmd := exec.Command(os.Args[0], "-test.run", cases)
	cmd.Env = append(os.Environ(), underFilter+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestEngine(t *testing.T) {
	if !filtered {
		t.Skip("TestEnginesUnderTheFilter runs it")
	}
	for _, e := range engines() {
		t.Run(e.Name(), func(t *testing.T) { enginetest.Run(t, e) })
	}
}
