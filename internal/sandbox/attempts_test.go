//go:build linux && (amd64 || arm64)

package sandbox_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"echod/internal/sandbox"
)

// attempt is what a process may try after Enter.
type attempt struct {
	name string
	want error // nil: it works
	try  func(dir string) error
}

// call makes a system call with these arguments.
func call(number uintptr, args ...uintptr) func(string) error {
	return func(string) error {
		var a [6]uintptr
		copy(a[:], args)
		if _, _, errno := unix.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
			return errno
		}
		return nil
	}
}

// socket makes a socket.
func socket(family, kind, protocol int) func(string) error {
	return func(string) error {
		fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, protocol)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}
}

func open(name string, flags int) func(string) error {
	return func(dir string) error {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		fd, err := unix.Open(name, flags, 0o600)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}
}

func remove(name string) func(string) error {
	return func(dir string) error { return unix.Unlink(filepath.Join(dir, name)) }
}

// Sockets that were open before Enter.
var openTCP, openUnix int

// attempts is the table of what is refused and of what works.
var attempts = []attempt{
	{"execute a program", unix.EPERM, func(string) error { return syscall.Exec("/bin/true", []string{"true"}, nil) }},
	{"start a program", unix.EPERM, func(string) error {
		_, err := syscall.ForkExec("/bin/true", []string{"true"}, &syscall.ProcAttr{})
		return err
	}},
	{"fork", unix.EPERM, call(unix.SYS_CLONE, uintptr(unix.SIGCHLD))},
	{"start a process with clone3", unix.ENOSYS, call(unix.SYS_CLONE3, 0, 0)},
	{"trace itself for a parent", unix.EPERM, call(unix.SYS_PTRACE, unix.PTRACE_TRACEME)},
	{"read the memory of a process", unix.EPERM, call(unix.SYS_PROCESS_VM_READV, 1)},
	{"send a signal to another process", unix.EPERM, call(unix.SYS_KILL, 1, 0)},
	{"map executable memory", unix.EPERM, func(string) error {
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
		return err
	}},
	{"make memory executable", unix.EPERM, call(unix.SYS_MPROTECT, 0, 0, unix.PROT_EXEC)},
	{"make a file in memory", unix.EPERM, call(unix.SYS_MEMFD_CREATE, 0)},

	{"open a file to write", unix.EPERM, open("sockets/file", unix.O_WRONLY)},
	{"create a file", unix.EPERM, open("sockets/new", unix.O_RDONLY|unix.O_CREAT)},
	{"truncate a file", unix.EPERM, open("sockets/file", unix.O_RDONLY|unix.O_TRUNC)},
	{"open a file with openat2", unix.EPERM, call(unix.SYS_OPENAT2, 0, 0, 0, 0)},
	{"make a directory", unix.EPERM, func(dir string) error { return unix.Mkdir(filepath.Join(dir, "sockets/d"), 0o700) }},
	{"rename a file", unix.EPERM, func(dir string) error { return unix.Rename(dir+"/sockets/file", dir+"/sockets/other") }},
	{"change the mode of a file", unix.EPERM, func(dir string) error { return unix.Chmod(dir+"/sockets/file", 0o777) }},
	{"remove a file of another folder", unix.EACCES, remove("certs/cert.pem")},
	{"read /etc/passwd", unix.EACCES, open("/etc/passwd", unix.O_RDONLY)},
	{"read the environment of another process", unix.EACCES, open("/proc/1/environ", unix.O_RDONLY)},
	{"list a folder of certificates", unix.EACCES, func(dir string) error { _, err := os.ReadDir(dir + "/certs"); return err }},

	{"make a TCP socket", unix.EPERM, socket(unix.AF_INET, unix.SOCK_STREAM, 0)},
	{"make a UDP socket", unix.EPERM, socket(unix.AF_INET6, unix.SOCK_DGRAM, 0)},
	{"make a unix socket", unix.EPERM, socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)},
	{"make a packet socket", unix.EPERM, socket(unix.AF_PACKET, unix.SOCK_RAW, 0)},
	{"make a socket of the audit system", unix.EPERM, socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_AUDIT)},
	{"make a pair of sockets", unix.EPERM, call(unix.SYS_SOCKETPAIR, unix.AF_UNIX, unix.SOCK_STREAM)},
	{"connect a TCP socket", unix.EPERM, func(string) error {
		return unix.Connect(openTCP, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: 9})
	}},
	{"bind a TCP socket", unix.EACCES, func(string) error {
		return unix.Bind(openTCP, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}},
	{"listen on a TCP socket", unix.EPERM, func(string) error { return unix.Listen(openTCP, 1) }},
	{"connect a unix socket", unix.EPERM, func(dir string) error {
		return unix.Connect(openUnix, &unix.SockaddrUnix{Name: dir + "/sockets/s"})
	}},
	{"write into the terminal", unix.EPERM, call(unix.SYS_IOCTL, 0, unix.TIOCSTI)},

	{"mount a file system", unix.EPERM, call(unix.SYS_MOUNT)},
	{"make a namespace", unix.EPERM, call(unix.SYS_UNSHARE, unix.CLONE_NEWUSER)},
	{"load a program into the kernel", unix.EPERM, call(unix.SYS_BPF)},
	{"use io_uring", unix.EPERM, call(unix.SYS_IO_URING_SETUP, 1)},
	{"read a key", unix.EPERM, call(unix.SYS_KEYCTL)},
	{"change the personality", unix.EPERM, call(unix.SYS_PERSONALITY, 0xffffffff)},
	{"become another user", unix.EPERM, call(unix.SYS_SETUID, 1)},
	{"set capabilities", unix.EPERM, call(unix.SYS_CAPSET)},
	{"measure other processes", unix.EPERM, call(unix.SYS_PERF_EVENT_OPEN)},
	{"replace the filter", unix.EPERM, call(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER)},
	{"enforce Landlock rules", unix.ENOSYS, call(unix.SYS_LANDLOCK_RESTRICT_SELF)},
	{"set options of the process", unix.EPERM, call(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0)},
	{"a call that no kernel has", unix.ENOSYS, call(4000)},

	{"read a certificate", nil, open("certs/cert.pem", unix.O_RDONLY)},
	{"read a certificate that replaced another one", nil, open("secret/cert.pem", unix.O_RDONLY)},
	{"remove its own socket", nil, remove("sockets/s")},
	{"read its own state", nil, open("/proc/self/stat", unix.O_RDONLY)},
	{"list its descriptors", nil, func(string) error { _, err := os.ReadDir("/proc/self/fd"); return err }},
	{"read when the machine was started", nil, open("/proc/stat", unix.O_RDONLY)},
	{"list interfaces", nil, func(string) error { _, err := net.Interfaces(); return err }},
	{"start threads", nil, startThreads},
	{"stop a thread that computes", nil, func(string) error { return unix.Tgkill(os.Getpid(), unix.Gettid(), 0) }},
}

// startThreads makes the runtime start threads.
func startThreads(string) error {
	block := make(chan struct{})
	started := make(chan struct{})
	const n = 8
	for range n {
		go func() {
			var fds [1]unix.PollFd
			started <- struct{}{}
			unix.Poll(fds[:0], 50) // a thread that waits in a call is replaced by another one
			block <- struct{}{}
		}()
	}
	for range n {
		<-started
	}
	for range n {
		<-block
	}
	return nil
}

// attemptsVariable is the variable with the directory in which the test binary makes the
// attempts, and writes their results as JSON.
const attemptsVariable = "ECHOD_TEST_ATTEMPTS"

// makeAttempts enters the sandbox and makes all attempts. It returns an errno for each name.
func makeAttempts(dir string) (map[string]unix.Errno, error) {
	openTCP, _ = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	openUnix, _ = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	_, err := sandbox.Enter(sandbox.On, sandbox.Needs{
		Certificates: []string{dir + "/certs/cert.pem", dir + "/secret/cert.pem"},
		Sockets:      []string{dir + "/sockets/s"},
		Metrics:      true,
	})
	if err != nil {
		return nil, err
	}
	fmt.Println("entered")
	io.Copy(io.Discard, os.Stdin) // until the parent has replaced a certificate
	results := map[string]unix.Errno{}
	for _, a := range attempts {
		errno, _ := errors.AsType[unix.Errno](a.try(dir))
		results[a.name] = errno
	}
	return results, nil
}

// inSandbox runs this test binary with a variable, and reads what it writes into v. It calls
// entered when the process has entered the sandbox.
func inSandbox(t *testing.T, variable, value string, entered func(), v any) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), variable+"="+value)
	cmd.Stderr = os.Stderr
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := bufio.NewReader(out)
	if _, err := read.ReadString('\n'); err != nil {
		t.Fatal(err, cmd.Wait())
	}
	entered()
	in.Close()
	if err := json.NewDecoder(read).Decode(v); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// needSandbox skips a test on a kernel without the sandbox, or fails it if ECHOD_REQUIRE is
// set.
func needSandbox(t *testing.T) {
	t.Helper()
	err := sandbox.Check(sandbox.On)
	switch {
	case err == nil:
	case os.Getenv("ECHOD_REQUIRE") != "":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

// attemptsDir returns a directory with the files of the attempts. In secret, cert.pem is a
// link behind a link, as in a secret of Kubernetes.
func attemptsDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"certs", "sockets", "secret", "secret/..v1", "secret/..v2"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"certs/cert.pem", "secret/..v1/cert.pem", "secret/..v2/cert.pem", "sockets/file", "sockets/s"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link(t, "..v1", dir+"/secret/..data")
	link(t, "..data/cert.pem", dir+"/secret/cert.pem")
	return dir
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func TestTheSandboxRefusesWhatIsNotNeeded(t *testing.T) {
	t.Parallel()
	needSandbox(t)
	dir := attemptsDir(t)
	var got map[string]unix.Errno
	inSandbox(t, attemptsVariable, dir, func() {
		link(t, "..v2", dir+"/secret/..new")
		if err := os.Rename(dir+"/secret/..new", dir+"/secret/..data"); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(dir + "/secret/..v1"); err != nil {
			t.Error(err)
		}
	}, &got)
	for _, a := range attempts {
		want, _ := a.want.(unix.Errno)
		if got[a.name] != want {
			t.Errorf("%s: got %s, want %s", a.name, name(got[a.name]), name(want))
		} else if testing.Verbose() {
			t.Logf("| %s | %s |", a.name, name(want))
		}
	}
}

func name(errno unix.Errno) string {
	if errno == 0 {
		return "success"
	}
	return unix.ErrnoName(errno)
}

// numbersVariable makes the test binary make every system call that is not allowed.
const numbersVariable = "ECHOD_TEST_NUMBERS"

// notMade returns the numbers of calls that makeCalls skips: those that are allowed, and
// clone, which with every flag asks for a thread.
func notMade() []uint32 {
	return slices.Concat(sandbox.Allowed, []uint32{unix.SYS_CLONE}, uprobeCalls[runtime.GOARCH])
}

// uprobeCalls are made by code that the kernel inserts to measure functions. They are exempt from
// seccomp, and end a process that makes them itself (arch/x86/kernel/uprobes.c).
var uprobeCalls = map[string][]uint32{"amd64": {335, 336}}

// lastNumber is beyond the newest system call.
const lastNumber = 600

// makeCalls enters the sandbox and makes every system call except those of notMade, with
// arguments that are invalid for all of them. It returns the errno of each number.
func makeCalls() (map[int]unix.Errno, error) {
	if _, err := sandbox.Enter(sandbox.On, sandbox.Needs{}); err != nil {
		return nil, err
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0); errno != unix.ENOSYS {
		return nil, errors.New("the filter is not in force") // or the calls would do harm
	}
	fmt.Println("entered")
	results, skip := map[int]unix.Errno{}, notMade()
	const invalid = ^uintptr(0)
	for number := range lastNumber {
		if !slices.Contains(skip, uint32(number)) {
			_, _, errno := unix.RawSyscall6(uintptr(number), invalid, invalid, invalid, invalid, invalid, invalid)
			results[number] = errno
		}
	}
	return results, nil
}

// TestEveryOtherCallIsRefused makes every system call that is not allowed, also those that
// this version of the kernel does not have.
func TestEveryOtherCallIsRefused(t *testing.T) {
	t.Parallel()
	needSandbox(t)
	var got map[int]unix.Errno
	inSandbox(t, numbersVariable, "1", func() {}, &got)
	refused, skipped := slices.Concat(sandbox.Refused, sandbox.Conditionals), notMade()
	for number := range lastNumber {
		want := unix.ENOSYS
		if slices.Contains(refused, uint32(number)) {
			want = unix.EPERM
		}
		errno, made := got[number]
		if skip := slices.Contains(skipped, uint32(number)); made == skip {
			t.Errorf("call %d: made: %v, skipped: %v", number, made, skip)
		}
		if made && errno != want {
			t.Errorf("call %d: got %s, want %s", number, name(errno), name(want))
		}
	}
}
