package cli

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
	"testing"

	"echod/internal/sock"
)

func TestHintNamesTheRemedyForTheAddress(t *testing.T) {
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

func TestComplaintIsOneLineAndOneHint(t *testing.T) {
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
