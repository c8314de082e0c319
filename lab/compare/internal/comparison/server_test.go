package comparison

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// shell returns a server that is a shell script.
func shell(script string) Server {
	return Server{Name: "script", Argv: []string{"sh", "-c", script}}
}

// start starts c on a thread that runs as long as the test.
func start(t *testing.T, ctx context.Context, c Server) (*process, error) {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	return c.start(ctx, "0", 0)
}

func TestAddressIsFoundInEveryForm(t *testing.T) {
	tests := []struct{ name, script string }{
		{"plain", `echo listening url=tcp://127.0.0.1:4242; exec sleep 60`},
		{"quoted, more to follow", `echo 'msg=listening url="tcp://127.0.0.1:4242" engine=epoll'; exec sleep 60`},
		{"on standard error", `echo url=tcp://127.0.0.1:4242 >&2; exec sleep 60`},
		{"after other lines", `echo hello; echo url=tcp://127.0.0.1:4242; exec sleep 60`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := start(t, t.Context(), shell(tt.script))
			if err != nil {
				t.Fatal(err)
			}
			defer s.stop()
			if s.port != "4242" {
				t.Errorf("got port %q, want 4242", s.port)
			}
		})
	}
}

func TestErrorHasTheOutputOfAServerThatDies(t *testing.T) {
	_, err := start(t, t.Context(), shell(`echo unknown flag >&2; exit 2`))
	if err == nil || !strings.Contains(err.Error(), "unknown flag") {
		t.Errorf("got error %v, want the output of the server", err)
	}
}

func TestStopEndsTheServer(t *testing.T) {
	s, err := start(t, t.Context(), shell(`echo url=tcp://127.0.0.1:1; exec sleep 60`))
	if err != nil {
		t.Fatal(err)
	}
	s.stop()
	if err := syscall.Kill(s.cmd.Process.Pid, 0); !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH) {
		t.Errorf("signal to the stopped server: got %v, want no such process", err)
	}
}

func TestServerEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, err := start(t, ctx, shell(`echo url=tcp://127.0.0.1:1; exec sleep 60`))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	<-s.drained // closed when the output of the server ends
	s.stop()
}

func TestServerHasTheNiceValue(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s, err := shell(`echo url=tcp://127.0.0.1:1; exec sleep 60`).start(t.Context(), "0", 5)
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	got, err := syscall.Getpriority(syscall.PRIO_PROCESS, s.cmd.Process.Pid)
	if want := 20 - 5; err != nil || got != want { // the system call returns 20 minus the nice value
		t.Errorf("got %d, %v, want %d", got, err, want)
	}
}
