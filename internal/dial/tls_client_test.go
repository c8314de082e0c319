package dial

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"echod/internal/certs"
)

const patience = 20 * time.Second

// authority is a CA for one test.
func authority(t *testing.T) certs.Pair {
	t.Helper()
	ca, err := certs.NewCA(time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func pool(ca certs.Pair) *x509.CertPool {
	all := x509.NewCertPool()
	all.AddCert(ca.Cert)
	return all
}

// certificate is p with an end.
func certificate(t *testing.T, p certs.Pair, err error) tls.Certificate {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{p.Cert.Raw}, PrivateKey: p.Key}
}

// serveTLS echoes on a port of 127.0.0.1 to whom config admits.
func serveTLS(t *testing.T, config *tls.Config) string {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); io.Copy(c, c) }()
		}
	}()
	return ln.Addr().String()
}

func TestServerThatWantsACertificateIsHeardWhenItRefuses(t *testing.T) {
	ca, end := authority(t), time.Now().Add(time.Hour)
	server, err := ca.NewServer(end, "127.0.0.1")
	shown := certificate(t, server, err)
	client, err := ca.NewClient(end)
	ours := certificate(t, client, err)
	client, err = authority(t).NewClient(end)
	strangers := certificate(t, client, err)
	const moment, long = 50 * time.Millisecond, time.Hour
	tests := []struct {
		name string
		auth tls.ClientAuthType
		give []tls.Certificate
		wait time.Duration
		want bool // admitted
	}{
		{"none wanted", tls.NoClientCert, nil, long, true},
		{"wanted and none given", tls.RequireAndVerifyClientCert, nil, patience, false},
		{"wanted and a stranger's given", tls.RequireAndVerifyClientCert, []tls.Certificate{strangers}, patience, false},
		{"wanted and given", tls.RequireAndVerifyClientCert, []tls.Certificate{ours}, moment, true},
		{"wanted, and the second is it", tls.RequireAndVerifyClientCert, []tls.Certificate{strangers, ours}, moment, true},
		{"welcome and none given", tls.VerifyClientCertIfGiven, nil, moment, true},
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, tt := range tests {
			t.Run(tls.VersionName(version)+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				address := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{shown}, ClientAuth: tt.auth, ClientCAs: pool(ca), MaxVersion: version})
				target := Target{Network: "tls", Address: address, TLS: &tls.Config{RootCAs: pool(ca), Certificates: tt.give}}
				conn, err := target.Dial(t.Context())
				if err == nil {
					defer conn.Close()
					err = Admitted(t.Context(), conn, tt.wait)
				}
				if got := err == nil; got != tt.want {
					t.Fatalf("admitted %v (%v), want %v", got, err, tt.want)
				}
				if _, ok := errors.AsType[*HandshakeError](err); !ok && !tt.want {
					t.Errorf("got %v, want a *HandshakeError", err)
				}
			})
		}
	}
}

func TestConnectionWithoutTLSIsAdmitted(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	if err := Admitted(t.Context(), here, time.Hour); err != nil {
		t.Error(err)
	}
}
