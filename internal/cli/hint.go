package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
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

// hintTLS is what may help when a tls:// target could not be spoken to, "" if
// nothing is known.
func hintTLS(err error) string {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "--tls-server-name NAME asks for a name that is on the certificate"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "--tls-insecure checks in spite of it; see the dates with: openssl s_client -connect HOST:PORT"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "--tls-ca FILE trusts the CA that signed it, --tls-insecure trusts everybody"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "what answers there speaks no TLS; try tcp://"
	}
	if remote, ok := errors.AsType[*net.OpError](err); ok && remote.Op == "remote error" && slices.Contains(certAlerts, remote.Err.Error()) {
		return "the server wants a certificate that it trusts; --tls-cert FILE and --tls-key FILE give one"
	}
	return ""
}

// certAlerts are the alerts of a server that would not have the client's
// certificate, or its having none (RFC 8446, section 6.2), as crypto/tls writes
// them: its type of an alert from the other side is not exported. Before TLS 1.3
// there was no word for none, and servers say handshake failure or bad
// certificate.
var certAlerts = []string{
	"tls: certificate required", "tls: bad certificate", "tls: unknown certificate",
	"tls: unknown certificate authority", "tls: expired certificate", "tls: revoked certificate",
	"tls: unsupported certificate",
}
