package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
)

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
