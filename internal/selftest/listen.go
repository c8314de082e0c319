package selftest

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"path/filepath"
	"time"

	"echod/internal/certs"
	"echod/internal/engine"
	"echod/internal/sock"
)

// listen is a listener for network that nobody else uses, and what a client
// needs to trust it; nil without TLS. dir is for a socket's file.
func listen(network, dir string) (engine.Listener, *tls.Config, error) {
	if network == "unix" {
		return engine.Listener{Spec: sock.Spec{Network: network, Path: filepath.Join(dir, "echo.sock")}}, nil, nil
	}
	spec := sock.Spec{Network: network, Host: "127.0.0.1", Addr: netip.MustParseAddrPort("127.0.0.1:0")}
	if network != "tls" {
		return engine.Listener{Spec: spec}, nil, nil
	}
	show, trust, err := certificate(spec.Host)
	return engine.Listener{Spec: spec, TLS: show}, trust, err
}

// certificate is one for host, made now and good for a day: what a server shows,
// and what trusts it.
func certificate(host string) (show, trust *tls.Config, err error) {
	tomorrow := time.Now().Add(24 * time.Hour)
	ca, err := certs.NewCA(tomorrow)
	if err != nil {
		return nil, nil, err
	}
	server, err := ca.NewServer(tomorrow, host)
	if err != nil {
		return nil, nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Cert)
	shown := tls.Certificate{Certificate: [][]byte{server.Cert.Raw}, PrivateKey: server.Key}
	return &tls.Config{Certificates: []tls.Certificate{shown}}, &tls.Config{RootCAs: roots}, nil
}
