package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// fixture is a directory with the files of a Store.
type fixture struct {
	t   *testing.T
	dir string
	log bytes.Buffer
	ca  Pair
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	ca, _, _ := newPairs(t)
	return &fixture{t: t, dir: t.TempDir(), ca: ca}
}

func (s *fixture) files() Files {
	return Files{Cert: filepath.Join(s.dir, "cert.pem"), Key: filepath.Join(s.dir, "key.pem")}
}

func (s *fixture) write(path string, text []byte) {
	s.t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// server returns a server certificate that is valid for this many hours.
func (s *fixture) server(hours int) Pair {
	s.t.Helper()
	p, err := s.ca.NewServer(time.Now().Add(time.Duration(hours)*time.Hour), "127.0.0.1")
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func keyPEM(t *testing.T, p Pair) []byte {
	t.Helper()
	text, err := p.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// put writes p to the files of the Store.
func (s *fixture) put(p Pair) {
	s.t.Helper()
	s.write(s.files().Cert, p.CertPEM())
	s.write(s.files().Key, keyPEM(s.t, p))
}

func (s *fixture) open(files Files) *Store {
	s.t.Helper()
	store, err := Open(files, tls.VersionTLS13, slog.New(slog.NewTextHandler(&s.log, nil)))
	if err != nil {
		s.t.Fatal(err)
	}
	return store
}

// presented returns the certificate that store presents to a client.
func presented(t *testing.T, store *Store) Pair {
	t.Helper()
	clientConn, serverConn := net.Pipe()
	defer clientConn.Close()
	defer serverConn.Close()
	go tls.Server(serverConn, store.Config()).Handshake()
	client := tls.Client(clientConn, &tls.Config{InsecureSkipVerify: true})
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	return Pair{Cert: client.ConnectionState().PeerCertificates[0]}
}

func wantPresented(t *testing.T, store *Store, want Pair) {
	t.Helper()
	if got := presented(t, store); !got.Cert.Equal(want.Cert) {
		t.Errorf("got the certificate that is valid until %v, want the one valid until %v", got.Cert.NotAfter, want.Cert.NotAfter)
	}
}

func TestChangedFilesAreReloadedWhenStable(t *testing.T) {
	s := newFixture(t)
	old, renewed := s.server(5), s.server(9)
	s.put(old)
	store := s.open(s.files())
	store.poll()
	s.write(s.files().Cert, renewed.CertPEM())
	store.poll() // after the certificate and before its key
	s.write(s.files().Key, keyPEM(t, renewed))
	store.poll()
	wantPresented(t, store, old)
	store.poll()
	wantPresented(t, store, renewed)
	store.poll()
	want := Status{NotAfter: renewed.Cert.NotAfter, Reloads: 1}
	if diff := cmp.Diff(want, store.Status()); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if got := strings.Count(s.log.String(), "\n"); got != 1 || !strings.Contains(s.log.String(), `msg="certificate reloaded"`) {
		t.Errorf("got this log, want one line: certificate reloaded\n%s", &s.log)
	}
}

func TestChangedSymbolicLinkIsAChange(t *testing.T) {
	s := newFixture(t)
	old, renewed := s.server(5), s.server(9)
	for name, p := range map[string]Pair{"..1": old, "..2": renewed} {
		dir := filepath.Join(s.dir, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		s.write(filepath.Join(dir, "cert.pem"), p.CertPEM())
		s.write(filepath.Join(dir, "key.pem"), keyPEM(t, p))
	}
	// As in volumes of Kubernetes: the files are links into ..data, which is a link to
	// their current directory.
	for link, to := range map[string]string{"..data": "..1", "cert.pem": "..data/cert.pem", "key.pem": "..data/key.pem"} {
		if err := os.Symlink(to, filepath.Join(s.dir, link)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	store := s.open(s.files())
	wantPresented(t, store, old)
	fresh := filepath.Join(s.dir, "..data_tmp")
	if err := errors.Join(os.Symlink("..2", fresh), os.Rename(fresh, filepath.Join(s.dir, "..data"))); err != nil {
		t.Fatal(err)
	}
	store.poll()
	store.poll()
	wantPresented(t, store, renewed)
}

func TestInvalidCertificateNeverReplacesAValidOne(t *testing.T) {
	tests := []struct {
		name string
		do   func(*fixture)
		why  string
	}{
		{"garbage", func(s *fixture) { s.write(s.files().Cert, []byte("garbage")) }, "failed to find any PEM data in certificate input"},
		{"half a file", func(s *fixture) { s.write(s.files().Cert, s.server(1).CertPEM()[:300]) }, "incomplete or damaged: 0 of 1 PEM blocks are complete"},
		{"empty", func(s *fixture) { s.write(s.files().Key, nil) }, "failed to find any PEM data in key input"},
		{"removed", func(s *fixture) { os.Remove(s.files().Key) }, "no such file"},
		{"huge", func(s *fixture) { s.write(s.files().Key, make([]byte, maxFile+1)) }, "is too long: want at most"},
		{"the key of another certificate", func(s *fixture) { s.write(s.files().Key, keyPEM(s.t, s.server(1))) }, "private key does not match public key"},
		{"expired", func(s *fixture) { s.put(s.expired()) }, "the certificate expired on 20"},
		{"not valid yet", func(s *fixture) { s.put(s.early()) }, "the certificate is not valid before 20"},
		{"no CA for clients", func(s *fixture) { s.write(s.files().Cert+"-ca", []byte("garbage")) }, "no certificate: want PEM"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newFixture(t)
			old, renewed := s.server(5), s.server(9)
			files := s.files()
			files.ClientCA = files.Cert + "-ca"
			s.put(old)
			s.write(files.ClientCA, s.ca.CertPEM())
			store := s.open(files)
			tt.do(s)
			for range 5 {
				store.poll()
			}
			wantServes(t, store, old)
			if got := s.log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, tt.why) {
				t.Errorf("got this log, want one line that says %q\n%s", tt.why, got)
			}
			want := Status{NotAfter: old.Cert.NotAfter, Failures: 1}
			if diff := cmp.Diff(want, store.Status()); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			if _, err := Open(files, tls.VersionTLS13, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("Open: got %v, want an error that says %q", err, tt.why)
			}

			s.put(renewed)
			s.write(files.ClientCA, s.ca.CertPEM())
			store.poll()
			store.poll()
			wantServes(t, store, renewed)
		})
	}
}

// wantServes checks the configuration of the next handshake.
func wantServes(t *testing.T, store *Store, want Pair) {
	t.Helper()
	config, err := store.Config().GetConfigForClient(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := config.Certificates[0].Leaf; !got.Equal(want.Cert) {
		t.Errorf("got the certificate that is valid until %v, want the one valid until %v", got.NotAfter, want.Cert.NotAfter)
	}
	if config.ClientAuth != tls.RequireAndVerifyClientCert || config.ClientCAs == nil {
		t.Errorf("got client authentication %v, want a verified certificate", config.ClientAuth)
	}
}

// expired and early return certificates that are not valid any more, and not yet.
func (s *fixture) expired() Pair { return s.between(-2*time.Hour, -time.Hour) }
func (s *fixture) early() Pair   { return s.between(time.Hour, 2*time.Hour) }

func (s *fixture) between(from, to time.Duration) Pair {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, s.ca.Cert, key.Public(), s.ca.Key)
	if err != nil {
		s.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		s.t.Fatal(err)
	}
	return Pair{cert, key}
}

func TestEarlyCertificateIsUsedWhenItBecomesValid(t *testing.T) {
	s := newFixture(t)
	s.put(s.server(5))
	store := s.open(s.files())
	soon := s.between(300*time.Millisecond, time.Hour)
	s.put(soon)
	for end := time.Now().Add(10 * time.Second); store.Status().Reloads == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the certificate is not used:\n%s", &s.log)
		}
		store.poll()
	}
	wantPresented(t, store, soon)
}

func TestReloadReadsAtOnceAndLogsEachTime(t *testing.T) {
	s := newFixture(t)
	old, renewed := s.server(5), s.server(9)
	s.put(old)
	store := s.open(s.files())
	s.write(s.files().Cert, []byte("garbage"))
	store.Reload()
	store.Reload()
	wantPresented(t, store, old)
	s.put(renewed)
	store.Reload()
	wantPresented(t, store, renewed)
	store.Reload()
	want := Status{Reloads: 2, Failures: 2}
	if diff := cmp.Diff(want, store.Status(), cmpopts.IgnoreFields(Status{}, "NotAfter")); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if got := strings.Count(s.log.String(), "\n"); got != 4 {
		t.Errorf("got %d lines, want one for each call\n%s", got, &s.log)
	}
}

func TestWatchReloadsUntilItsContextIsCanceled(t *testing.T) {
	s := newFixture(t)
	old, renewed := s.server(5), s.server(9)
	s.put(old)
	store := s.open(s.files())
	done := make(chan struct{})
	go func() {
		defer close(done)
		store.Watch(t.Context(), time.Millisecond)
	}()
	t.Cleanup(func() { <-done }) // the context is canceled before
	s.put(renewed)
	for end := time.Now().Add(10 * time.Second); !store.Status().NotAfter.Equal(renewed.Cert.NotAfter); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the new certificate is not used")
		}
	}
}

// TestSessionTicketIsRefusedWithoutItsCA exists because a client resumes a session without
// its certificate. It must be refused when its CA is not trusted any more.
func TestSessionTicketIsRefusedWithoutItsCA(t *testing.T) {
	s := newFixture(t)
	files := s.files()
	files.ClientCA = filepath.Join(s.dir, "ca.pem")
	s.put(s.server(5))
	s.write(files.ClientCA, s.ca.CertPEM())
	store := s.open(files)
	served := store.Config() // of one listener, which keeps the keys of its tickets
	client, err := s.ca.NewClient(time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{
		InsecureSkipVerify: true, ServerName: "127.0.0.1", ClientSessionCache: tls.NewLRUClientSessionCache(1),
		Certificates: []tls.Certificate{{Certificate: [][]byte{client.Cert.Raw}, PrivateKey: client.Key}},
	}
	if _, err := connect(t, served, config); err != nil {
		t.Fatal(err)
	}
	if state, err := connect(t, served, config); err != nil || !state.DidResume {
		t.Fatalf("got %v, resumed %v; want a resumed session", err, state.DidResume)
	}
	other, err := NewCA(time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	s.write(files.ClientCA, other.CertPEM())
	store.Reload()
	if _, err := connect(t, served, config); err == nil {
		t.Error("got a connection of a client whose CA is not trusted any more")
	}
}

// connect connects, and returns the error if the server refuses.
func connect(t *testing.T, served, config *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if s := tls.Server(conn, served); s.Handshake() == nil {
			s.Write([]byte("in"))
			s.Close()
		}
	}()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	c := tls.Client(conn, config)
	_, err = c.Read(make([]byte, 2))
	return c.ConnectionState(), err
}
