package trial

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"echod/lab/inject/plan"
)

// brokenPrefix is the prefix of the name of the test binary when it replaces echod. The
// rest of the name is its fault.
const brokenPrefix = "echod with the fault: "

func TestMain(m *testing.M) {
	if fault, ok := strings.CutPrefix(filepath.Base(os.Args[0]), brokenPrefix); ok {
		serveBroken(fault, os.Args)
	}
	os.Exit(m.Run())
}

// TestEveryPromiseCanBeBroken runs broken servers. Each has a fault that shows when
// recvfrom or a call of the start fails.
func TestEveryPromiseCanBeBroken(t *testing.T) {
	needTracing(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stream := plan.Case{Target: "epoll/tcp", Call: "recvfrom", Errno: "EIO", When: plan.First}
	always := stream
	always.When = plan.Always
	start := plan.Case{Target: "epoll/start", Call: "uname", Errno: "EPERM", When: plan.First}
	drain := plan.Case{Target: "epoll/drain", Call: "recvfrom", Errno: "EIO", When: plan.Always}
	tests := []struct {
		fault string
		c     plan.Case
		want  []Promise
	}{
		{"none", stream, nil},
		{"none", always, nil},
		{"none", start, nil},
		{"none", drain, nil},
		{"panics", stream, []Promise{Survives}},
		{"exits", stream, []Promise{Survives}},
		{"sends garbage", stream, []Promise{Unaltered}},
		{"closes with a FIN", stream, []Promise{HonestEnd}},
		{"stops accepting", stream, []Promise{Serves}},
		{"leaks the connection", stream, []Promise{Progress, NoLeak}},
		{"retries at once", always, []Promise{NoBusyLoop}},
		{"busy loop", stream, []Promise{Recovers}},
		{"leaks a descriptor", stream, []Promise{NoLeak}},
		{"ignores SIGTERM", stream, []Promise{Drains}},
		{"ignores SIGTERM", drain, []Promise{Drains}},
		{"ignores SIGTERM once", stream, nil},
		{"drains without clients", drain, []Promise{Drains}},
		{"fails after SIGTERM", stream, []Promise{Drains}},
		{"leaves the socket file", stream, []Promise{Drains}},
		{"floods the log", stream, []Promise{BoundedLog}},
		{"fails to start", start, nil},
		{"fails to start with exit code 2", start, []Promise{CleanFailure}},
		{"fails to start with two lines", start, []Promise{CleanFailure}},
		{"fails to start and leaves the socket file", start, []Promise{CleanFailure}},
	}
	for _, tt := range tests {
		t.Run(tt.fault+"/"+tt.c.Target, func(t *testing.T) {
			t.Parallel()
			echod := filepath.Join(t.TempDir(), brokenPrefix+tt.fault)
			if err := os.Symlink(self, echod); err != nil {
				t.Fatal(err)
			}
			env := openEnv(t, echod)
			if strings.HasSuffix(tt.fault, " once") || tt.want != nil && tt.fault != "drains without clients" {
				env.RecoveryTimeout = 3 * time.Second // it will not recover
			}
			var o Observation
			var err error
			once := tt.fault == "ignores SIGTERM once"
			// A run without an injected call uses the one time.
			for runs := 0; runs == 0 || once && runs < 3 && len(o.Unsteady) == 0; runs++ {
				os.Remove(echod + ", started")
				OnLockedThread(func() { o, err = env.Run(target(t, tt.c.Target), tt.c) })
				if err != nil {
					t.Fatal(err)
				}
			}
			var got []Promise
			for _, f := range Judge(o) {
				got = append(got, f.Promise)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %q, crashed %q", Judge(o), tt.want, o.Crashed)
			}
			if o.Injected == 0 {
				t.Error("no call failed")
			}
			if unsteady := len(o.Unsteady) > 0; unsteady != once {
				t.Errorf("broken in one run and not in the next: %v", o.Unsteady)
			}
		})
	}
}

// needTracing skips a test if strace is missing or must not trace. With ECHOD_REQUIRE it
// fails the test instead.
func needTracing(t *testing.T) {
	t.Helper()
	text, err := exec.Command("strace", "-o", "/dev/null", "true").CombinedOutput()
	if err == nil {
		return
	}
	if os.Getenv("ECHOD_REQUIRE") != "" {
		t.Fatalf("strace: %v: %s", err, text)
	}
	t.Skipf("strace: %v: %s", err, text)
}

func openEnv(t *testing.T, echod string) *Env {
	t.Helper()
	env, err := Open("", echod) // t.TempDir is too long for the path of a unix socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(env.Close)
	return env
}

func target(t *testing.T, name string) plan.Target {
	t.Helper()
	all := plan.Targets()
	i := slices.IndexFunc(all, func(target plan.Target) bool { return target.Name == name })
	if i < 0 {
		t.Fatalf("no target %s", name)
	}
	return all[i]
}

// broken is a server that a trial cannot distinguish from echod serve.
type broken struct {
	fault string
	file  string // of the unix socket
	tcp   int    // the listening socket, used with system calls
}

// logInfo writes a line in the format of echod's log.
func logInfo(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "2026-01-02 03:04:05.678 INFO  "+format+"\n", args...)
}

func serveBroken(name string, argv []string) {
	if argv[1] == "cert" {
		os.Exit(0)
	}
	b := &broken{fault: name}
	for i, arg := range argv {
		if path, ok := strings.CutPrefix(arg, "unix://"); ok && argv[i-1] == "--listen" {
			b.file = path
		}
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	b.listen()
	for range term {
		if b.fault == "ignores SIGTERM" || b.fault == "ignores SIGTERM once" && !started(argv[0]) {
			continue
		}
		if b.fault != "leaves the socket file" {
			os.Remove(b.file)
		}
		if b.fault == "fails after SIGTERM" {
			os.Exit(1)
		}
		if b.fault == "drains without clients" {
			time.Sleep(4 * time.Second)
		}
		time.Sleep(100 * time.Millisecond) // for open conversations to end
		os.Exit(0)
	}
}

// started reports whether it was called before with this path, also in another process.
func started(path string) bool {
	file, err := os.OpenFile(path+", started", os.O_CREATE|os.O_EXCL, 0o600)
	file.Close()
	return errors.Is(err, os.ErrExist)
}

func (b *broken) listen() {
	unix, err := net.Listen("unix", b.file)
	check(err)
	if err := syscall.Uname(new(syscall.Utsname)); err != nil {
		b.failToStart(err)
	}
	go echoStreams(unix)
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	check(err)
	go echoDatagrams(udp)
	admin, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go http.Serve(admin, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "# TYPE echod_up gauge\nechod_up 1\n")
	}))
	b.tcp, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	check(err)
	check(syscall.Bind(b.tcp, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	check(syscall.Listen(b.tcp, 100))
	addr, err := syscall.Getsockname(b.tcp)
	check(err)
	go b.accept()
	logInfo("listening url=unix://%s", b.file)
	logInfo("listening url=udp://%s", udp.LocalAddr())
	logInfo("listening url=tcp://127.0.0.1:%d", addr.(*syscall.SockaddrInet4).Port)
	logInfo("admin listening url=http://%s", admin.Addr())
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// failToStart exits if the fault says so.
func (b *broken) failToStart(err error) {
	name, ok := strings.CutPrefix(b.fault, "fails to start")
	if !ok {
		return
	}
	if name != " and leaves the socket file" {
		os.Remove(b.file)
	}
	fmt.Fprintln(os.Stderr, "echod:", err)
	if name == " with two lines" {
		fmt.Fprintln(os.Stderr, "echod: a second line")
	}
	if name == " with exit code 2" {
		os.Exit(2)
	}
	os.Exit(1)
}

func (b *broken) accept() {
	for {
		fd, _, err := syscall.Accept4(b.tcp, syscall.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		go b.echo(fd)
	}
}

// echo is honest until recvfrom fails.
func (b *broken) echo(fd int) {
	syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	buf := make([]byte, 64<<10)
	for {
		n, _, err := syscall.Recvfrom(fd, buf, 0)
		if err != nil {
			if b.fail(fd, err) {
				continue
			}
			return
		}
		if n == 0 {
			b.closeWithFIN(fd)
			return
		}
		for out := buf[:n]; len(out) > 0; {
			n, err := syscall.SendmsgN(fd, out, nil, nil, syscall.MSG_NOSIGNAL)
			if err != nil {
				syscall.Close(fd)
				return
			}
			out = out[n:]
		}
	}
}

func (b *broken) closeWithFIN(fd int) {
	syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{})
	syscall.Close(fd)
}

// fail does what the fault says. It reports whether the connection continues.
func (b *broken) fail(fd int, err error) (continues bool) {
	switch b.fault {
	case "panics":
		panic(err)
	case "exits":
		os.Exit(1)
	case "sends garbage":
		syscall.SendmsgN(fd, []byte("garbage"), nil, nil, syscall.MSG_NOSIGNAL)
		return true
	case "closes with a FIN":
		// With unread input, a close would be a reset.
		syscall.Shutdown(fd, syscall.SHUT_WR)
		io.Copy(io.Discard, os.NewFile(uintptr(fd), "connection"))
	case "stops accepting":
		syscall.Shutdown(b.tcp, syscall.SHUT_RDWR)
	case "leaks the connection":
		return false
	case "retries at once":
		return true
	case "busy loop":
		go func() {
			for {
				runtime.Gosched()
			}
		}()
	case "leaks a descriptor":
		syscall.Open("/dev/null", syscall.O_RDONLY, 0)
	case "floods the log":
		for range 1000 {
			logInfo("recvfrom: %v", err)
		}
	}
	syscall.Close(fd)
	return false
}
