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

// standIn is what the name of the test binary begins with where it stands in for
// echod. What follows is the fault that it has.
const standIn = "echod with the fault: "

func TestMain(m *testing.M) {
	if fault, ok := strings.CutPrefix(filepath.Base(os.Args[0]), standIn); ok {
		serveBroken(fault, os.Args)
	}
	os.Exit(m.Run())
}

// TestEveryVerdictCanFail runs servers that are broken in one way each, the way
// that comes out when recvfrom or a call of the start fails.
func TestEveryVerdictCanFail(t *testing.T) {
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
		want  []string
	}{
		{"none", stream, nil},
		{"none", always, nil},
		{"none", start, nil},
		{"none", drain, nil},
		{"panics", stream, []string{"P6 lives"}},
		{"exits", stream, []string{"P6 lives"}},
		{"sends garbage", stream, []string{"S1 prefix"}},
		{"closes in order", stream, []string{"S2 honest end"}},
		{"stops accepting", stream, []string{"P1 serves again"}},
		{"forgets the connection", stream, []string{"S5 progress", "P3 descriptors"}},
		{"retries at once", always, []string{"P2 no spin"}},
		{"spins ever after", stream, []string{"P2 recovers"}},
		{"leaks", stream, []string{"P3 descriptors"}},
		{"ignores SIGTERM", stream, []string{"P5 drains"}},
		{"ignores SIGTERM", drain, []string{"P5 drains"}},
		{"ignores SIGTERM once", stream, nil},
		{"drains for nobody", drain, []string{"P5 drains"}},
		{"fails in the end", stream, []string{"P5 drains"}},
		{"leaves its file", stream, []string{"P5 drains"}},
		{"floods the log", stream, []string{"bounded log"}},
		{"fails to start", start, nil},
		{"fails to start with 2", start, []string{"clean start"}},
		{"fails to start at length", start, []string{"clean start"}},
		{"fails to start and leaves its file", start, []string{"clean start"}},
	}
	for _, tt := range tests {
		t.Run(tt.fault+"/"+tt.c.Target, func(t *testing.T) {
			t.Parallel()
			echod := filepath.Join(t.TempDir(), standIn+tt.fault)
			if err := os.Symlink(self, echod); err != nil {
				t.Fatal(err)
			}
			site := openSite(t, echod)
			if strings.HasSuffix(tt.fault, " once") || tt.want != nil && tt.fault != "drains for nobody" {
				site.Relief = 3 * time.Second // it is awaited in vain
			}
			var o Observation
			var err error
			once := tt.fault == "ignores SIGTERM once"
			// A try that was not reached spends the one time.
			for tries := 0; tries == 0 || once && tries < 3 && len(o.Unsteady) == 0; tries++ {
				os.Remove(echod + ", started")
				Held(func() { o, err = site.Run(target(t, tt.c.Target), tt.c) })
				if err != nil {
					t.Fatal(err)
				}
			}
			var got []string
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
				t.Errorf("broken in one try and not in the next: %v", o.Unsteady)
			}
		})
	}
}

// needTracing skips a test where strace is missing or may not trace. Where it must
// not be skipped, it fails.
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

func openSite(t *testing.T, echod string) *Site {
	t.Helper()
	site, err := Open("", echod) // t.TempDir is too long for the path of a unix socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(site.Close)
	return site
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

// broken is a server like echod serve, as far as a trial sees it.
type broken struct {
	fault string
	file  string // of the unix socket
	tcp   int    // the listening socket: its calls are made by hand
}

// announce writes a line as echod's log has it.
func announce(format string, args ...any) {
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
		if b.fault != "leaves its file" {
			os.Remove(b.file)
		}
		if b.fault == "fails in the end" {
			os.Exit(1)
		}
		if b.fault == "drains for nobody" {
			time.Sleep(4 * time.Second)
		}
		time.Sleep(100 * time.Millisecond) // for conversations that go on to end
		os.Exit(0)
	}
}

// started reports whether it was called before, maybe in another process, for the
// same path.
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
	announce("listening url=unix://%s", b.file)
	announce("listening url=udp://%s", udp.LocalAddr())
	announce("listening url=tcp://127.0.0.1:%d", addr.(*syscall.SockaddrInet4).Port)
	announce("admin listening url=http://%s", admin.Addr())
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// failToStart does what b's fault has it do, or nothing.
func (b *broken) failToStart(err error) {
	name, ok := strings.CutPrefix(b.fault, "fails to start")
	if !ok {
		return
	}
	if name != " and leaves its file" {
		os.Remove(b.file)
	}
	fmt.Fprintln(os.Stderr, "echod:", err)
	if name == " at length" {
		fmt.Fprintln(os.Stderr, "echod: and more")
	}
	if name == " with 2" {
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

// echo is honest, until recvfrom fails.
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
			b.closeInOrder(fd)
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

func (b *broken) closeInOrder(fd int) {
	syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{})
	syscall.Close(fd)
}

// fail does what b's fault has it do. It reports whether the connection goes on.
func (b *broken) fail(fd int, err error) (goesOn bool) {
	switch b.fault {
	case "panics":
		panic(err)
	case "exits":
		os.Exit(1)
	case "sends garbage":
		syscall.SendmsgN(fd, []byte("garbage"), nil, nil, syscall.MSG_NOSIGNAL)
		return true
	case "closes in order":
		// With its input unread, a close would be a reset all the same.
		syscall.Shutdown(fd, syscall.SHUT_WR)
		io.Copy(io.Discard, os.NewFile(uintptr(fd), "connection"))
	case "stops accepting":
		syscall.Shutdown(b.tcp, syscall.SHUT_RDWR)
	case "forgets the connection":
		return false
	case "retries at once":
		return true
	case "spins ever after":
		go func() {
			for {
				runtime.Gosched()
			}
		}()
	case "leaks":
		syscall.Open("/dev/null", syscall.O_RDONLY, 0)
	case "floods the log":
		for range 1000 {
			announce("recvfrom: %v", err)
		}
	}
	syscall.Close(fd)
	return false
}
