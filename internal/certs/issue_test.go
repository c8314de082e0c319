package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"
	"time"
)

// newPairs returns a CA, and a server and a client that it has signed, valid for a day.
func newPairs(t *testing.T, names ...string) (ca, server, client Pair) {
	t.Helper()
	end := time.Now().Add(24 * time.Hour)
	ca, err := NewCA(end)
	if err == nil {
		server, err = ca.NewServer(end, names...)
	}
	if err == nil {
		client, err = ca.NewClient(end)
	}
	if err != nil {
		t.Fatal(err)
	}
	return ca, server, client
}

func poolOf(ca Pair) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	return pool
}

func TestServerIsTrustedOnlyForItsNames(t *testing.T) {
	ca, server, _ := newPairs(t, "localhost", "127.0.0.1", "::1", "*.example.test")
	tests := []struct {
		name string
		want bool
	}{
		{"localhost", true}, {"127.0.0.1", true}, {"[::1]", true}, {"a.example.test", true},
		{"example.test", false}, {"a.b.example.test", false}, {"127.0.0.2", false}, {"echo.example", false},
	}
	for _, tt := range tests {
		_, err := server.Cert.Verify(x509.VerifyOptions{DNSName: tt.name, Roots: poolOf(ca)})
		if got := err == nil; got != tt.want {
			t.Errorf("%s: got trusted %v (%v), want %v", tt.name, got, err, tt.want)
		}
	}
	other, _, _ := newPairs(t, "localhost")
	if _, err := server.Cert.Verify(x509.VerifyOptions{Roots: poolOf(other)}); err == nil {
		t.Error("got a server that another CA verifies")
	}
}

func TestServerAndClientCertificatesAreNotInterchangeable(t *testing.T) {
	ca, server, client := newPairs(t, "localhost")
	tests := []struct {
		name string
		pair Pair
		use  x509.ExtKeyUsage
		want bool
	}{
		{"server as server", server, x509.ExtKeyUsageServerAuth, true},
		{"server as client", server, x509.ExtKeyUsageClientAuth, false},
		{"client as client", client, x509.ExtKeyUsageClientAuth, true},
		{"client as server", client, x509.ExtKeyUsageServerAuth, false},
	}
	for _, tt := range tests {
		_, err := tt.pair.Cert.Verify(x509.VerifyOptions{Roots: poolOf(ca), KeyUsages: []x509.ExtKeyUsage{tt.use}})
		if got := err == nil; got != tt.want {
			t.Errorf("%s: got valid %v (%v), want %v", tt.name, got, err, tt.want)
		}
	}
}

func TestCertificateIsNotValidLongerThanItsCA(t *testing.T) {
	day := time.Now().Add(24 * time.Hour)
	ca, err := NewCA(day)
	if err != nil {
		t.Fatal(err)
	}
	server, err := ca.NewServer(day.Add(24*time.Hour), "localhost")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := server.Cert.NotAfter, ca.Cert.NotAfter; !got.Equal(want) {
		t.Errorf("got a server valid until %v, want %v, as its CA", got, want)
	}
}

func TestAllFilesSayThatTheyAreForTestsOnly(t *testing.T) {
	ca, server, client := newPairs(t, "localhost")
	for _, pair := range []Pair{ca, server, client} {
		if got := pair.Cert.Subject.String(); !strings.Contains(got, "for tests only") {
			t.Errorf("got the subject %s, want it to contain: for tests only", got)
		}
		key, err := pair.KeyPEM()
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range [][]byte{pair.CertPEM(), key} {
			if first, _, _ := bytes.Cut(file, []byte("\n")); !bytes.Contains(first, []byte("for tests only")) {
				t.Errorf("got a file that starts with %q, want it to contain: for tests only", first)
			}
		}
	}
}

func TestParseCAReadsFilesOfACA(t *testing.T) {
	ca, server, _ := newPairs(t, "localhost")
	key, _ := ca.KeyPEM()
	got, err := ParseCA(ca.CertPEM(), key)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Cert.Equal(ca.Cert) || !got.Key.(*ecdsa.PrivateKey).Equal(ca.Key) {
		t.Error("got another CA")
	}
	serverKey, _ := server.KeyPEM()
	realCA, err := sign(x509.Certificate{Subject: pkix.Name{CommonName: "a real CA"}, NotAfter: time.Now().Add(time.Hour),
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign}, nil)
	if err != nil {
		t.Fatal(err)
	}
	realKey, _ := realCA.KeyPEM()
	for name, files := range map[string][2][]byte{
		"a server's certificate": {server.CertPEM(), serverKey},
		"a real CA":              {realCA.CertPEM(), realKey},
		"another key":            {ca.CertPEM(), serverKey},
		"empty":                  {nil, nil},
	} {
		if _, err := ParseCA(files[0], files[1]); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}
