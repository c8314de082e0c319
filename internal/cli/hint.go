package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"echod/internal/sock"
)

// listenHints are the causes that people meet, by what the kernel says. The
// address is the one that was to be bound.
var listenHints = []struct {
	is   error
	text func(sock.Spec) string
}{
	{syscall.EADDRINUSE, hintInUse},
	{syscall.EADDRNOTAVAIL, hintNotLocal},
	{fs.ErrPermission, hintPermission},
	{fs.ErrNotExist, hintNoDirectory},
	{syscall.EAFNOSUPPORT, hintNoFamily},
	{syscall.EMFILE, hintDescriptors},
}

// hintFor is what may help against err, "" if nothing is known.
func hintFor(err error) string {
	listen, ok := errors.AsType[*sock.ListenError](err)
	if !ok {
		return hintTLS(err)
	}
	for _, hint := range listenHints {
		if errors.Is(listen, hint.is) {
			return hint.text(listen.Spec)
		}
	}
	return ""
}

func hintInUse(s sock.Spec) string {
	switch s.Network {
	case "unix":
		return "see who has it with: ss -lxp src " + s.Path
	case "udp":
		return fmt.Sprintf("see who has the port with: ss -lunp 'sport = :%d'", s.Addr.Port())
	}
	return fmt.Sprintf("see who has the port with: ss -ltnp 'sport = :%d'", s.Addr.Port())
}

func hintNotLocal(sock.Spec) string {
	return "no interface of this machine has that address; list them with: ip addr"
}

func hintPermission(s sock.Spec) string {
	if s.Network == "unix" {
		return "the socket's directory must be writable by the user that runs echod"
	}
	if s.Addr.Port() < 1024 {
		return "ports below 1024 need CAP_NET_BIND_SERVICE"
	}
	return ""
}

func hintNoDirectory(s sock.Spec) string {
	return "make the socket's directory first; echod makes none"
}

func hintNoFamily(sock.Spec) string { return "this kernel has no IPv6; listen on 0.0.0.0" }

func hintDescriptors(sock.Spec) string {
	return "raise the limit on open files with: ulimit -n"
}
