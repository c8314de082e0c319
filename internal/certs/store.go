// Package certs reads and makes certificates with crypto/x509: a server's certificate
// that may change while the server runs ([Store]), and the test certificates of echod
// cert ([NewCA]).
package certs

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"echod/internal/textfile"
)

// Store holds the certificate of a server. It reloads the files on request
// ([Store.Reload]) and when they change ([Store.Watch]). An invalid certificate never
// replaces a valid one. Its methods may be called from any goroutine.
type Store struct {
	files      Files
	minVersion uint16
	log        *slog.Logger
	current    atomic.Pointer[tls.Config]

	reading sync.Mutex // held while files are read, which can take long on a slow disk

	mu     sync.Mutex
	latest contents // what the files contained when Watch last read them
	tried  contents // what was last tried
	failed string   // why tried is invalid, or ""
	status Status
}

// Status is the state of a Store.
type Status struct {
	NotAfter time.Time // when the current certificate expires
	Reloads  uint64    // how often another certificate replaced it
	Failures uint64    // how often a certificate was invalid and the old one was kept
}

// Open reads the files, which must be valid. The error wraps a syscall.Errno if a file
// could not be read. minVersion is tls.VersionTLS12 or tls.VersionTLS13. The Store logs
// each later certificate.
func Open(files Files, minVersion uint16, log *slog.Logger) (*Store, error) {
	s := &Store{files: files, minVersion: minVersion, log: log}
	s.latest = files.read()
	if err := s.try(s.latest); err != nil {
		return nil, err
	}
	return s, nil
}

// Config returns the configuration of a listener. Each handshake uses the certificate
// that is current then. Open streams keep theirs.
func (s *Store) Config() *tls.Config {
	return &tls.Config{
		MinVersion:         s.minVersion,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.current.Load(), nil },
	}
}

// Status returns the current state.
func (s *Store) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// Reload reads the files, also if they have not changed.
func (s *Store) Reload() {
	s.reading.Lock()
	defer s.reading.Unlock()
	now := s.files.read()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = "" // so that the same error is logged again
	s.replace(now)
}

// Watch reads the files in each period until ctx is canceled, and reloads them when they
// have changed. It compares the contents, so any kind of replacement works: files that
// are overwritten or renamed, or a symbolic link that changes, as in Kubernetes.
func (s *Store) Watch(ctx context.Context, period time.Duration) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.poll()
		}
	}
}

// poll reloads files that have changed, when their contents are the same twice: a new
// certificate is often written some time before its key. It also tries an invalid
// certificate again, because it may become valid later.
func (s *Store) poll() {
	s.reading.Lock()
	defer s.reading.Unlock()
	now := s.files.read()
	s.mu.Lock()
	defer s.mu.Unlock()
	stable := now == s.latest
	s.latest = now
	if stable && (now != s.tried || s.failed != "") {
		s.replace(now)
	}
}

// replace tries the contents, and logs the result. It logs the same error once.
func (s *Store) replace(now contents) {
	before := s.failed
	switch err := s.try(now); {
	case err == nil:
		s.status.Reloads++
		s.log.Info("certificate reloaded", slog.String("file", s.files.Cert), slog.Time("not_after", s.status.NotAfter))
	case s.failed != before:
		s.status.Failures++
		s.log.Error("certificate not reloaded, the old one is kept", slog.Any("error", err), slog.Time("not_after", s.status.NotAfter))
	}
}

// try makes the contents current if they are valid.
func (s *Store) try(now contents) error {
	s.tried = now
	config, err := now.config(s.files, s.minVersion)
	if err != nil {
		s.failed = err.Error()
		return err
	}
	s.failed = ""
	s.status.NotAfter = config.Certificates[0].Leaf.NotAfter
	s.current.Store(config)
	return nil
}

// Files are the PEM files of a server's certificate.
type Files struct {
	Cert     string // the certificate, then those of the intermediate CAs
	Key      string // its private key
	ClientCA string // the CAs of client certificates; "" if clients need no certificate
}

// contents is what the files contained at one moment.
type contents struct{ cert, key, clientCA textfile.Content }

// maxFile is the largest file in bytes. A certificate has a few KiB, and all CAs of a
// system have a few hundred.
const maxFile = 4 << 20

func (f Files) read() contents {
	c := contents{cert: textfile.Read(f.Cert, maxFile), key: textfile.Read(f.Key, maxFile)}
	if f.ClientCA != "" {
		c.clientCA = textfile.Read(f.ClientCA, maxFile)
	}
	return c
}

// config returns the configuration of a server with these contents, or an error that
// names the file.
func (c contents) config(f Files, minVersion uint16) (*tls.Config, error) {
	if err := cmp.Or(c.cert.Err(), c.key.Err(), c.clientCA.Err()); err != nil {
		return nil, err
	}
	for _, file := range []struct{ name, text string }{{f.Cert, c.cert.Text}, {f.Key, c.key.Text}} {
		if err := CheckPEM([]byte(file.text)); err != nil {
			return nil, fmt.Errorf("%s: %w", file.name, err)
		}
	}
	pair, err := tls.X509KeyPair([]byte(c.cert.Text), []byte(c.key.Text))
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", f.Cert, f.Key, err)
	}
	switch now, leaf := time.Now(), pair.Leaf; {
	case now.After(leaf.NotAfter):
		return nil, fmt.Errorf("%s: the certificate expired on %s", f.Cert, leaf.NotAfter.UTC().Format(time.DateTime+" MST"))
	case now.Before(leaf.NotBefore):
		return nil, fmt.Errorf("%s: the certificate is not valid before %s", f.Cert, leaf.NotBefore.UTC().Format(time.DateTime+" MST"))
	}
	config := &tls.Config{MinVersion: minVersion, Certificates: []tls.Certificate{pair}}
	if f.ClientCA != "" {
		config.ClientAuth = tls.RequireAndVerifyClientCert
		if config.ClientCAs, err = ParsePool([]byte(c.clientCA.Text)); err != nil {
			return nil, fmt.Errorf("%s: %w", f.ClientCA, err)
		}
	}
	return config, nil
}
