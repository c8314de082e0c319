package gonet

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"echod/internal/certs"
	"echod/internal/engine"
)

// serverConfig returns a TLS configuration with a new certificate.
func serverConfig(t *testing.T) *tls.Config {
	t.Helper()
	end := time.Now().Add(24 * time.Hour)
	ca, err := certs.NewCA(end)
	if err != nil {
		t.Fatal(err)
	}
	server, err := ca.NewServer(end, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{server.Cert.Raw}, PrivateKey: server.Key}}}
}

// TestOnlyMaxHandshakesComputeAtOnce: the others wait until one is done.
func TestOnlyMaxHandshakesComputeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := serverConfig(t)
		var started atomic.Int64
		done := make(chan struct{})
		config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			started.Add(1)
			<-done
			return nil, nil
		}
		s := newServer(engine.Config{HandshakeTimeout: time.Hour}.WithDefaults())
		go s.Serve()
		synctest.Wait()
		const clients = maxHandshakes + 6
		for range clients {
			client, accepted := net.Pipe()
			s.cfg.Budget.Slots.Acquire()
			s.admit(accepted, config)
			go tls.Client(client, &tls.Config{InsecureSkipVerify: true}).Handshake()
			defer client.Close()
		}
		for i := range int64(3) {
			synctest.Wait()
			if got := started.Load(); got != maxHandshakes+i {
				t.Errorf("after %d are done: got %d started, want %d", i, got, maxHandshakes+i)
			}
			done <- struct{}{}
		}
		close(done)
		synctest.Wait()
		if got := s.Stats().Handshakes[engine.HandshakeOK]; got != clients {
			t.Errorf("handshakes done: got %d, want %d", got, clients)
		}
		end(s)
	})
}

func TestHandshakeTimeoutIncludesTheWaitForASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(engine.Config{}.WithDefaults())
		go s.Serve()
		synctest.Wait()
		for range maxHandshakes {
			s.handshakes <- struct{}{}
		}
		client, accepted := net.Pipe()
		s.cfg.Budget.Slots.Acquire()
		s.admit(accepted, serverConfig(t))
		began := time.Now()
		if err := tls.Client(client, &tls.Config{InsecureSkipVerify: true}).Handshake(); err == nil {
			t.Error("got a handshake without a slot")
		}
		if took := time.Since(began); took != engine.DefaultHandshakeTimeout {
			t.Errorf("reset after %v, want %v", took, engine.DefaultHandshakeTimeout)
		}
		synctest.Wait()
		if got := s.Stats().Handshakes[engine.HandshakeTimeout]; got != 1 {
			t.Errorf("handshakes that timed out: got %d, want 1", got)
		}
		end(s)
	})
}

// halfClosedTLS returns a server in the bubble of t, and a client that has everything back
// and has half-closed. The server's close_notify waits until the client reads.
func halfClosedTLS(t *testing.T, stallTimeout time.Duration) (*server, *tls.Conn) {
	s := newServer(engine.Config{StallTimeout: stallTimeout}.WithDefaults())
	go s.Serve()
	synctest.Wait()
	wire, accepted := net.Pipe()
	s.cfg.Budget.Slots.Acquire()
	s.admit(accepted, serverConfig(t))
	client := tls.Client(wire, &tls.Config{InsecureSkipVerify: true})
	roundTrip(t, client, []byte("echo"), make([]byte, 4))
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	return s, client
}

// TestSlowReaderGetsCloseNotify: the client reads it half an hour later.
func TestSlowReaderGetsCloseNotify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, client := halfClosedTLS(t, time.Hour)
		time.Sleep(30 * time.Minute)
		if n, err := client.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("got %d bytes and %v, want an end of file", n, err)
		}
		synctest.Wait()
		if got := s.Stats().Closes[engine.Finished]; got != 1 {
			t.Errorf("streams that finished: got %d, want 1", got)
		}
		end(s)
	})
}

// TestPeerThatNeverReadsCloseNotifyIsStalled: close_notify is owed like any byte.
func TestPeerThatNeverReadsCloseNotifyIsStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := halfClosedTLS(t, time.Minute)
		time.Sleep(2 * time.Minute)
		if got := s.Stats().Closes[engine.Stalled]; got != 1 {
			t.Errorf("streams that stalled: got %d, want 1", got)
		}
		end(s)
	})
}

// TestShutdownResetsAHandshakeThatWaitsForASlot: it does not wait for the slot.
func TestShutdownResetsAHandshakeThatWaitsForASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(engine.Config{HandshakeTimeout: time.Hour}.WithDefaults())
		go s.Serve()
		synctest.Wait()
		for range maxHandshakes {
			s.handshakes <- struct{}{}
		}
		client, accepted := net.Pipe()
		s.cfg.Budget.Slots.Acquire()
		s.admit(accepted, serverConfig(t))
		go tls.Client(client, &tls.Config{InsecureSkipVerify: true}).Handshake()
		synctest.Wait()
		began := time.Now()
		end(s)
		if took := time.Since(began); took != 0 {
			t.Errorf("Shutdown with no time left: took %v, want 0", took)
		}
		if st := s.Stats(); st.Handshakes[engine.HandshakeDrained] != 1 || st.Closes[engine.Drained] != 1 {
			t.Errorf("got %d handshakes and %d streams counted as drained, want 1 and 1",
				st.Handshakes[engine.HandshakeDrained], st.Closes[engine.Drained])
		}
	})
}

// end ends a server, so that synctest does not wait for its goroutines.
func end(s *server) {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	s.Shutdown(now)
}

func TestHandshakeErrorHasOneOutcome(t *testing.T) {
	tests := []struct {
		err   error
		want  engine.Handshake
		alert bool // whether crypto/tls has sent an alert
	}{
		{nil, engine.HandshakeOK, false},
		{context.DeadlineExceeded, engine.HandshakeTimeout, false},
		{causeError(engine.Idle), engine.HandshakeTimeout, false},
		{&net.OpError{Op: "read", Err: net.ErrClosed}, engine.HandshakeDrained, false},
		{io.EOF, engine.HandshakeLost, false},
		{io.ErrUnexpectedEOF, engine.HandshakeLost, false},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, engine.HandshakeLost, false},
		{errors.New(noCertificate), engine.HandshakeRefused, true},
		{&tls.CertificateVerificationError{Err: errors.New("unknown authority")}, engine.HandshakeRefused, true},
		{tls.RecordHeaderError{Msg: "no TLS"}, engine.HandshakeFailed, false},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(42)}, engine.HandshakeFailed, false},
		{errors.New("tls: no cipher suite supported by both client and server"), engine.HandshakeFailed, true},
	}
	for _, tt := range tests {
		if got := outcomeOf(tt.err); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.err, got, tt.want)
		}
		if got := sentAlert(tt.err); got != tt.alert {
			t.Errorf("%v: alert sent %v, want %v", tt.err, got, tt.alert)
		}
	}
}

// FuzzRecordTracker advances by pieces of any size: no step crosses the end of a record,
// and no byte is lost.
func FuzzRecordTracker(f *testing.F) {
	f.Add([]byte{0, 1, 2, 255, 0, 7}, []byte{1, 5, 6, 200, 3})
	f.Fuzz(func(t *testing.T, sizes, pieces []byte) {
		var stream []byte
		ends := map[int]bool{0: true}
		for i, size := range sizes {
			body := int(size) * (i%3*30 + 1)
			stream = append(stream, 23, 3, 3, byte(body>>8), byte(body))
			stream = append(stream, bytes.Repeat([]byte{23}, body)...)
			ends[len(stream)] = true
		}
		var r recordTracker
		for at, i := 0, 0; at < len(stream); i++ {
			piece := len(stream) - at
			if len(pieces) > 0 {
				piece = min(piece, int(pieces[i%len(pieces)])+1)
			}
			n := r.advance(stream[at : at+piece])
			if n < 1 || n > piece {
				t.Fatalf("at %d: got %d bytes of %d", at, n, piece)
			}
			for k := at + 1; k < at+n; k++ {
				if ends[k] {
					t.Fatalf("at %d: got %d bytes, across the end of a record at %d", at, n, k)
				}
			}
			if at += n; n < piece && !ends[at] {
				t.Fatalf("stopped at %d, which is not the end of a record", at)
			}
			if ends[at] != (r.seen == 0) {
				t.Fatalf("at %d: got a record started: %v, want %v", at, r.seen > 0, !ends[at])
			}
		}
	})
}
