package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"echod/internal/dial"
	"echod/internal/draw"
	"echod/internal/sock"
	"echod/internal/spread"
)

// hintFor returns what may help against err, "" if nothing is known.
func hintFor(err error) string {
	if listen, ok := errors.AsType[*sock.ListenError](err); ok {
		return hintListen(listen)
	}
	if worker, ok := errors.AsType[*spread.WorkerError](err); ok {
		return hintWorker(worker)
	}
	if hint := hintTLS(err); hint != "" {
		return hint
	}
	if unreachable, ok := errors.AsType[*dial.UnreachableError](err); ok {
		return hintUnreachable(unreachable)
	}
	return ""
}

// writeHint writes a hint, unless it is empty. A command at its end is not folded, so that
// it can be copied.
func writeHint(w io.Writer, hint string) {
	if hint == "" {
		return
	}
	text, command, found := strings.Cut("echod: hint: "+hint, " with: ")
	words := strings.Fields(text)
	if found {
		words = append(words, "with:", command)
	}
	io.WriteString(w, draw.FoldWords(words, terminalSize(w).columns, "", "  "))
}

// hintListen is for an address that cannot be bound.
func hintListen(err *sock.ListenError) string {
	s := err.Spec
	for _, hint := range []struct {
		is   error
		text string
	}{
		{syscall.EADDRINUSE, hintInUse(s)},
		{syscall.EADDRNOTAVAIL, hintNoInterface},
		{fs.ErrPermission, hintPermission(s)},
		{fs.ErrNotExist, "create the directory of the socket first"},
		{syscall.EAFNOSUPPORT, "this kernel has no IPv6; listen on 0.0.0.0, or add -4"},
		{syscall.EMFILE, "raise the limit of open files with: ulimit -n"},
	} {
		if errors.Is(err, hint.is) {
			return hint.text
		}
	}
	return ""
}

func hintInUse(s sock.Spec) string {
	switch s.Network {
	case "unix":
		return "see which process has it with: ss -lxp src " + s.Path
	case "udp":
		return fmt.Sprintf("see which process has the port with: ss -lunp 'sport = :%d'", s.Addr.Port())
	}
	return fmt.Sprintf("see which process has the port with: ss -ltnp 'sport = :%d'", s.Addr.Port())
}

func hintPermission(s sock.Spec) string {
	if s.Network == "unix" {
		return "the user that runs echod must be able to write to the directory of the socket"
	}
	if s.Addr.Port() < 1024 {
		return "ports below 1024 need CAP_NET_BIND_SERVICE"
	}
	return ""
}

// hintNoInterface is for an address that is not one of this machine.
const hintNoInterface = "no interface of this machine has that address; list them with: ip addr"

// hintUnreachable is for a service that cannot be reached.
func hintUnreachable(err *dial.UnreachableError) string {
	call, _ := errors.AsType[*os.SyscallError](err)
	switch {
	case call != nil && call.Syscall == "bind" && errors.Is(call.Err, syscall.EADDRNOTAVAIL): // of --source
		return hintNoInterface
	case err.Class == dial.Refused && strings.HasPrefix(err.Target, "unix:"):
		return "no server listens on that socket; list the sockets with: ss -lx"
	case err.Class == dial.Refused:
		return "nothing listens on that port, or a firewall rejects it; on the server, list the ports with: ss -lntu"
	case err.Class == dial.Timeout:
		return "the server is not an echo, or a firewall drops the packets; --timeout is how long to wait"
	case err.Class == dial.Unreachable:
		return "this machine has no route there; see it with: ip route get ADDRESS"
	case err.Class == dial.Local:
		return "this machine lacks ports, open files or a permission; see them with: sysctl net.ipv4.ip_local_port_range"
	case err.Class == dial.TooLong:
		return hintTooLong
	case err.Class == dial.DNS:
		return "check the spelling; neither /etc/hosts nor DNS has an address for that name"
	}
	return ""
}

// hintTooLong is for datagrams that must not be fragmented, and are longer than the path takes.
const hintTooLong = "use a smaller --size, or omit --pmtudisc"

// hintLocal is for errors of this machine during a load.
const hintLocal = "local errors are errors of this machine: --source 127.0.0.2,127.0.0.3 or sysctl net.ipv4.ip_local_port_range gives more ports, ulimit -n more open files"

// hintTLS is for a tls:// service whose handshake fails.
func hintTLS(err error) string {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "--tls-server-name NAME sets the name that the certificate must have"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "-k (--tls-insecure) accepts the certificate; see its dates with: openssl s_client -connect HOST:PORT"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "--tls-ca FILE trusts the CA that signed it, -k (--tls-insecure) trusts every certificate"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "the server does not speak TLS on that port; try tcp://"
	}
	if remote, ok := errors.AsType[*net.OpError](err); ok && remote.Op == "remote error" && slices.Contains(certAlerts, remote.Err.Error()) {
		return "the server wants a certificate that it trusts; --tls-cert FILE and --tls-key FILE give one"
	}
	if handshake, ok := errors.AsType[*dial.HandshakeError](err); ok {
		if class := dial.Classify(handshake.Err); class == dial.Timeout || class == dial.PrematureEOF {
			return "the server may not speak TLS on that port: try tcp://; --timeout is how long to wait"
		}
	}
	return ""
}

// certAlerts are the alerts of a server that does not accept the client's certificate,
// or its having none (RFC 8446, section 6.2), as crypto/tls writes them: its type of an
// alert from the peer is not exported. Before TLS 1.3 there was no alert for a missing
// certificate, and servers send handshake failure or bad certificate.
var certAlerts = []string{
	"tls: certificate required", "tls: bad certificate", "tls: unknown certificate",
	"tls: unknown certificate authority", "tls: expired certificate", "tls: revoked certificate",
	"tls: unsupported certificate",
}
