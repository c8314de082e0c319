package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"echod/internal/dial"
	"echod/internal/sock"
)

func TestHintFitsTheErrorAndTheAddress(t *testing.T) {
	tests := []struct {
		url  string
		is   syscall.Errno
		want string
	}{
		{"tcp://:7", syscall.EACCES, "ports below 1024 need CAP_NET_BIND_SERVICE"},
		{"udp://127.0.0.1:7", syscall.EPERM, "ports below 1024 need CAP_NET_BIND_SERVICE"},
		{"tcp://:8080", syscall.EACCES, ""},
		{"unix:///run/s", syscall.EACCES, "the user that runs echod must be able to write to the directory of the socket"},
		{"unix:///run/none/s", syscall.ENOENT, "create the directory of the socket first"},
		{"unix:///run/s", syscall.EADDRINUSE, "see which process has it with: ss -lxp src /run/s"},
		{"tcp://:8080", syscall.EADDRINUSE, "see which process has the port with: ss -ltnp 'sport = :8080'"},
		{"udp://:53", syscall.EADDRINUSE, "see which process has the port with: ss -lunp 'sport = :53'"},
		{"tcp://192.0.2.1:80", syscall.EADDRNOTAVAIL, "no interface of this machine has that address; list them with: ip addr"},
		{"tcp://[::1]:80", syscall.EAFNOSUPPORT, "this kernel has no IPv6; listen on 0.0.0.0, or add -4"},
		{"tcp://:80", syscall.EMFILE, "raise the limit of open files with: ulimit -n"},
		{"tcp://:80", syscall.EINVAL, ""},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.url, " ", tt.is), func(t *testing.T) {
			spec, err := sock.Parse(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			err = &sock.ListenError{Spec: spec, Err: os.NewSyscallError("bind", tt.is)}
			if got := hintFor(fmt.Errorf("start: %w", err)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestErrorIsOneLineAndOneHint(t *testing.T) {
	spec, err := sock.Parse("tcp://:7")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	code := complain(&got, &sock.ListenError{Spec: spec, Err: os.NewSyscallError("bind", syscall.EACCES)})
	const want = "echod: listen tcp://:7: bind: permission denied\n" +
		"echod: hint: ports below 1024 need CAP_NET_BIND_SERVICE\n"
	if got.String() != want || code != Failed {
		t.Errorf("got %q, exit %d; want %q, exit %d", got.String(), code, want, Failed)
	}
}

func TestHintFitsTheClassOfAnUnreachableService(t *testing.T) {
	tests := []struct {
		target string
		class  dial.Class
		want   string
	}{
		{"tcp://127.0.0.1:7", dial.Refused, "nothing listens on that port, or a firewall rejects it; on the server, list the ports with: ss -lntu"},
		{"unix:///run/s", dial.Refused, "no server listens on that socket; list the sockets with: ss -lx"},
		{"tcp://127.0.0.1:7", dial.Timeout, "the server is not an echo, or a firewall drops the packets; --timeout is how long to wait"},
		{"tcp://192.0.2.1:7", dial.Unreachable, "this machine has no route there; see it with: ip route get ADDRESS"},
		{"tcp://echo.example:7", dial.DNS, "check the spelling; neither /etc/hosts nor DNS has an address for that name"},
		{"tcp://127.0.0.1:7", dial.Local, "this machine lacks ports, open files or a permission; see them with: sysctl net.ipv4.ip_local_port_range"},
		{"udp://127.0.0.1:7", dial.TooLong, "use a smaller --size, or omit --pmtudisc"},
		{"tcp://127.0.0.1:7", dial.Reset, ""},
		{"tcp://127.0.0.1:7", "", ""},
	}
	for _, tt := range tests {
		err := &dial.UnreachableError{Target: tt.target, Class: tt.class, Err: errors.New("reason")}
		if got := hintFor(fmt.Errorf("check: %w", err)); got != tt.want {
			t.Errorf("%s, %q: got %q, want %q", tt.target, tt.class, got, tt.want)
		}
	}
}

func TestHintOfASourceThatIsNotLocal(t *testing.T) {
	for call, want := range map[string]string{"bind": hintNoInterface, "connect": "this machine lacks ports, open files or a permission; see them with: sysctl net.ipv4.ip_local_port_range"} {
		err := &dial.UnreachableError{Target: "tcp://:7", Class: dial.Local, Err: os.NewSyscallError(call, syscall.EADDRNOTAVAIL)}
		if got := hintFor(err); got != want {
			t.Errorf("%s: got %q, want %q", call, got, want)
		}
	}
}
