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

const testTimeout = 20 * time.Second

// authority returns a CA for one test.
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

// certificate returns p as crypto/tls has it.
func certificate(t *testing.T, p certs.Pair, err error) tls.Certificate {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{p.Cert.Raw}, PrivateKey: p.Key}
}

// serveTLS echoes on 127.0.0.1 to clients that config accepts, and returns the address.
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

func TestARejectedClientCertificateIsAHandshakeError(t *testing.T) {
	ca, expiry := authority(t), time.Now().Add(time.Hour)
	server, err := ca.NewServer(expiry, "127.0.0.1")
	shown := certificate(t, server, err)
	client, err := ca.NewClient(expiry)
	ours := certificate(t, client, err)
	client, err = authority(t).NewClient(expiry)
	ofAnotherCA := certificate(t, client, err)
	const moment, long = 50 * time.Millisecond, time.Hour
	tests := []struct {
		name string
		auth tls.ClientAuthType
		send []tls.Certificate
		wait time.Duration
		want bool // accepted
	}{
		{"none requested", tls.NoClientCert, nil, long, true},
		{"required, none sent", tls.RequireAndVerifyClientCert, nil, testTimeout, false},
		{"required, one of another CA sent", tls.RequireAndVerifyClientCert, []tls.Certificate{ofAnotherCA}, testTimeout, false},
		{"required and sent", tls.RequireAndVerifyClientCert, []tls.Certificate{ours}, moment, true},
		{"required, and the second is right", tls.RequireAndVerifyClientCert, []tls.Certificate{ofAnotherCA, ours}, moment, true},
		{"optional, none sent", tls.VerifyClientCertIfGiven, nil, moment, true},
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, tt := range tests {
			t.Run(tls.VersionName(version)+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				address := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{shown}, ClientAuth: tt.auth, ClientCAs: pool(ca), MaxVersion: version})
				target := Target{Network: "tls", Address: address, TLS: &tls.Config{RootCAs: pool(ca), Certificates: tt.send}}
				conn, err := target.Dial(t.Context())
				if err == nil {
					defer conn.Close()
					err = AwaitCertRejection(t.Context(), conn, tt.wait)
				}
				if got := err == nil; got != tt.want {
					t.Fatalf("accepted %v (%v), want %v", got, err, tt.want)
				}
				if _, ok := errors.AsType[*HandshakeError](err); !ok && !tt.want {
					t.Errorf("got %v, want a *HandshakeError", err)
				}
			})
		}
	}
}

func TestAConnectionWithoutTLSIsNotRejected(t *testing.T) {
	local, remote := net.Pipe()
	defer local.Close()
	defer remote.Close()
	if err := AwaitCertRejection(t.Context(), local, time.Hour); err != nil {
		t.Error(err)
	}
}
