//go:build unix

package cli

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mutual starts an echo that serves only clients with a certificate of its own CA. It
// returns the port, and the directory with the files of echod cert --client.
func mutual(t *testing.T) (port, dir string) {
	t.Helper()
	dir = t.TempDir()
	if code, _, complaint := runEchod(t, "cert", "--client", "--dir", dir, "127.0.0.1"); code != OK {
		t.Fatal(complaint)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, serverCert), filepath.Join(dir, serverKey))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(filepath.Join(dir, caCert))
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(ca)
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
	})
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
	_, port, _ = net.SplitHostPort(ln.Addr().String())
	return port, dir
}

func TestCheckAndBenchPresentAClientCertificate(t *testing.T) {
	port, dir := mutual(t)
	other := t.TempDir()
	if code, _, complaint := runEchod(t, "cert", "--client", "--dir", other); code != OK {
		t.Fatal(complaint)
	}
	ca := []string{"--tls-ca", filepath.Join(dir, caCert)}
	client := func(dir string) []string {
		return []string{"--tls-cert", filepath.Join(dir, clientCert), "--tls-key", filepath.Join(dir, clientKey)}
	}
	verbs := map[string][]string{
		"check": {"check", "--rule", "stream/first-byte"},
		"bench": {"bench", "--messages", "20", "--conns", "2"},
	}
	tests := []struct {
		name  string
		host  string
		flags []string
		want  Code
		says  []string
	}{
		{"both trusted", "127.0.0.1", append(ca, client(dir)...), OK, nil},
		{"no certificate given", "127.0.0.1", ca, Unknown,
			[]string{"(tls)", "certificate required", "hint: the server wants a certificate that it trusts; --tls-cert"}},
		{"another CA's certificate given", "127.0.0.1", append(ca, client(other)...), Unknown,
			[]string{"(tls)", "certificate required", "hint: the server wants a certificate that it trusts; --tls-cert"}},
		{"the server not trusted", "127.0.0.1", client(dir), Unknown,
			[]string{"(tls)", "hint: --tls-ca FILE trusts the CA that signed it, -k"}},
		{"trusted blindly", "127.0.0.1", append([]string{"--tls-insecure"}, client(dir)...), OK, nil},
		{"another name", "localhost", append(ca, client(dir)...), Unknown,
			[]string{"(tls)", "hint: --tls-server-name NAME sets the name that the certificate must have"}},
	}
	for verb, args := range verbs {
		for _, tt := range tests {
			t.Run(verb+" "+tt.name, func(t *testing.T) {
				line := append(append([]string{}, args...), tt.flags...)
				code, _, complaint := runEchod(t, append(line, "tls://"+net.JoinHostPort(tt.host, port))...)
				if code != tt.want {
					t.Errorf("exit %d, want %d: %s", code, tt.want, complaint)
				}
				for _, words := range tt.says {
					if !strings.Contains(complaint, words) {
						t.Errorf("got %q, want %q in it", complaint, words)
					}
				}
			})
		}
	}
}

func TestInvalidFlagsOfAClientCertificateAreRefused(t *testing.T) {
	_, dir := mutual(t)
	file := func(name string) string { return filepath.Join(dir, name) }
	tests := []struct {
		name      string
		cert, key string
		want      string
	}{
		{"no key", file(clientCert), "", "--tls-cert needs the key of the certificate: add --tls-key FILE"},
		{"no certificate", "", file(clientKey), "--tls-key needs the certificate of the key: add --tls-cert FILE"},
		{"certificate that is not there", file("none"), file(clientKey), "--tls-cert: open " + file("none") + ": no such file or directory"},
		{"key that is not there", file(clientCert), file("none"), "--tls-key: open " + file("none") + ": no such file or directory"},
		{"another's key", file(clientCert), file(serverKey),
			"--tls-cert " + file(clientCert) + ", --tls-key " + file(serverKey) + ": tls: private key does not match public key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := tlsFlags{cert: tt.cert, key: tt.key}
			_, err := f.config("tls")
			if err == nil || err.Error() != tt.want || codeOf(err) != Usage {
				t.Errorf("got %v, exit %d; want %s, exit %d", err, codeOf(err), tt.want, Usage)
			}
		})
	}
}

// TestExpiredCertificateHasItsOwnHint, because another CA does not help.
func TestExpiredCertificateHasItsOwnHint(t *testing.T) {
	err := error(&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Cert: &x509.Certificate{NotAfter: time.Unix(0, 0)}, Reason: x509.Expired}})
	if got := hintFor(err); !strings.HasPrefix(got, "-k (--tls-insecure) accepts the certificate") {
		t.Errorf("got %q", got)
	}
}
