package certs

import (
	"context"
	"crypto/tls"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Store is a server's certificate as it is now. It is read again when it is asked
// to ([Store.Reload]) and when its files change ([Store.Watch]); one that is no
// good never replaces one that is. Its methods may be called from any goroutine.
type Store struct {
	files  Files
	least  uint16
	log    *slog.Logger
	served atomic.Pointer[tls.Config]

	reading sync.Mutex // held while files are read, which may take as long as their disk likes

	mu      sync.Mutex
	looked  contents // what the files held at the last look
	tried   contents // what was last tried
	trouble string   // why that was no good; "" if it is what is served
	status  Status
}

// Status is what there is to tell about a Store.
type Status struct {
	NotAfter time.Time // when the certificate that is served expires
	Reloads  uint64    // times that another took its place
	Failures uint64    // times that one was no good and the old one was kept
}

// Open reads the files, which must be good. An error that wraps a syscall.Errno is of
// a file that could not be read. least is the oldest version of TLS to
// speak (tls.VersionTLS12, tls.VersionTLS13). log is told of every certificate
// that comes later.
func Open(files Files, least uint16, log *slog.Logger) (*Store, error) {
	s := &Store{files: files, least: least, log: log}
	s.looked = files.read()
	if err := s.try(s.looked); err != nil {
		return nil, err
	}
	return s, nil
}

// Config is for a listener. Each handshake begins with what is good by then;
// streams that are open keep what they began with.
func (s *Store) Config() *tls.Config {
	return &tls.Config{
		MinVersion:         s.least,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.served.Load(), nil },
	}
}

// Status is how things stand now.
func (s *Store) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// Reload reads the files at once, whether they have changed or not.
func (s *Store) Reload() {
	s.reading.Lock()
	defer s.reading.Unlock()
	now := s.files.read()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = "" // whoever asks is told again
	s.replace(now)
}

// Watch looks at the files after each period until ctx ends, and reads them when
// they have changed. It compares what is in them, so it does not matter how they
// were replaced: written over, renamed, or by another end of a symbolic link, as
// Kubernetes does it.
func (s *Store) Watch(ctx context.Context, period time.Duration) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.look()
		}
	}
}

// look takes what has changed once it has come to rest: a certificate is often
// there a moment before its key. What was no good is tried again, because it may
// only have been too early for it.
func (s *Store) look() {
	s.reading.Lock()
	defer s.reading.Unlock()
	now := s.files.read()
	s.mu.Lock()
	defer s.mu.Unlock()
	rests := now == s.looked
	s.looked = now
	if rests && (now != s.tried || s.trouble != "") {
		s.replace(now)
	}
}

// replace tries what the files held, and says what came of it: the same trouble
// once.
func (s *Store) replace(now contents) {
	before := s.trouble
	switch err := s.try(now); {
	case err == nil:
		s.status.Reloads++
		s.log.Info("certificate reloaded", slog.String("file", s.files.Cert), slog.Time("not_after", s.status.NotAfter))
	case s.trouble != before:
		s.status.Failures++
		s.log.Error("certificate not reloaded, the old one is kept", slog.Any("error", err), slog.Time("not_after", s.status.NotAfter))
	}
}

// try serves what the files held from now on, if it is good.
func (s *Store) try(now contents) error {
	s.tried = now
	config, err := now.config(s.files, s.least)
	if err != nil {
		s.trouble = err.Error()
		return err
	}
	s.trouble = ""
	s.status.NotAfter = config.Certificates[0].Leaf.NotAfter
	s.served.Store(config)
	return nil
}
