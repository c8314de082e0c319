package gonet

import (
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

// shows is a server's side of TLS with a certificate made for t.
func shows(t *testing.T) *tls.Config {
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

// TestHandshakesTakeTurns: no more of them compute at once than may, the others
// wait until one is done.
func TestHandshakesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := shows(t)
		var begun atomic.Int64
		done := make(chan struct{})
		config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			begun.Add(1)
			<-done
			return nil, nil
		}
		s := newServer(engine.Config{HandshakeTimeout: time.Hour}.WithDefaults())
		go s.Serve()
		synctest.Wait()
		const clients = mostHandshakes + 6
		for range clients {
			client, accepted := net.Pipe()
			s.cfg.Budget.Slots.Acquire()
			s.admit(accepted, config)
			go tls.Client(client, &tls.Config{InsecureSkipVerify: true}).Handshake()
			defer client.Close()
		}
		for i := range int64(3) {
			synctest.Wait()
			if got := begun.Load(); got != mostHandshakes+i {
				t.Errorf("after %d are done: got %d begun, want %d", i, got, mostHandshakes+i)
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

// TestWhoHasNoTurnInTimeIsLate: five seconds are five seconds, also at the door.
func TestWhoHasNoTurnInTimeIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(engine.Config{}.WithDefaults())
		go s.Serve()
		synctest.Wait()
		for range mostHandshakes {
			s.door <- struct{}{}
		}
		client, accepted := net.Pipe()
		s.cfg.Budget.Slots.Acquire()
		s.admit(accepted, shows(t))
		began := time.Now()
		if err := tls.Client(client, &tls.Config{InsecureSkipVerify: true}).Handshake(); err == nil {
			t.Error("got a handshake without a turn")
		}
		if took := time.Since(began); took != engine.DefaultHandshakeTimeout {
			t.Errorf("got the end after %v, want it after %v", took, engine.DefaultHandshakeTimeout)
		}
		synctest.Wait()
		if got := s.Stats().Handshakes[engine.HandshakeTimeout]; got != 1 {
			t.Errorf("handshakes out of time: got %d, want 1", got)
		}
		end(s)
	})
}

// TestCloseNotifyWaitsAsLongAsTheRest: who reads slowly gets the end, too.
func TestCloseNotifyWaitsAsLongAsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(engine.Config{StallTimeout: time.Hour}.WithDefaults())
		go s.Serve()
		synctest.Wait()
		wire, accepted := net.Pipe()
		s.cfg.Budget.Slots.Acquire()
		s.admit(accepted, shows(t))
		client := tls.Client(wire, &tls.Config{InsecureSkipVerify: true})
		roundTrip(t, client, []byte("echo"), make([]byte, 4))
		if err := client.CloseWrite(); err != nil {
			t.Fatal(err)
		}
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

// TestCloseNotifyIsOwed: who never reads it has stalled, like any other.
func TestCloseNotifyIsOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(engine.Config{StallTimeout: time.Minute}.WithDefaults())
		go s.Serve()
		synctest.Wait()
		wire, accepted := net.Pipe()
		s.cfg.Budget.Slots.Acquire()
		s.admit(accepted, shows(t))
		client := tls.Client(wire, &tls.Config{InsecureSkipVerify: true})
		roundTrip(t, client, []byte("echo"), make([]byte, 4))
		if err := client.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if got := s.Stats().Closes[engine.Stalled]; got != 1 {
			t.Errorf("streams that stalled: got %d, want 1", got)
		}
		end(s)
	})
}

// TestShutdownWaitsForNoTurn: who stands at the door is reset like the rest.
func TestShutdownWaitsForNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(engine.Config{HandshakeTimeout: time.Hour}.WithDefaults())
		go s.Serve()
		synctest.Wait()
		for range mostHandshakes {
			s.door <- struct{}{}
		}
		client, accepted := net.Pipe()
		s.cfg.Budget.Slots.Acquire()
		s.admit(accepted, shows(t))
		go tls.Client(client, &tls.Config{InsecureSkipVerify: true}).Handshake()
		synctest.Wait()
		began := time.Now()
		end(s)
		if took := time.Since(began); took != 0 {
			t.Errorf("Shutdown with no time left: got it after %v, want it at once", took)
		}
		if st := s.Stats(); st.Handshakes[engine.HandshakeDrained] != 1 || st.Closes[engine.Drained] != 1 {
			t.Errorf("got %d handshakes and %d streams cut by the drain, want 1 and 1",
				st.Handshakes[engine.HandshakeDrained], st.Closes[engine.Drained])
		}
	})
}

// end ends a server in a bubble, which would wait for its janitor.
func end(s *server) {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	s.Shutdown(now)
}

func TestHandshakesEndForOneReason(t *testing.T) {
	tests := []struct {
		err  error
		want engine.Handshake
		told bool // whether the client was sent an alert that it may still read
	}{
		{nil, engine.HandshakeOK, false},
		{context.DeadlineExceeded, engine.HandshakeTimeout, false},
		{ending(engine.Idle), engine.HandshakeTimeout, false},
		{&net.OpError{Op: "read", Err: net.ErrClosed}, engine.HandshakeDrained, false},
		{io.EOF, engine.HandshakeLost, false},
		{io.ErrUnexpectedEOF, engine.HandshakeLost, false},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, engine.HandshakeLost, false},
		{errors.New(noCertificate), engine.HandshakeRefused, true},
		{&tls.CertificateVerificationError{Err: errors.New("who is that")}, engine.HandshakeRefused, true},
		{tls.RecordHeaderError{Msg: "no TLS"}, engine.HandshakeFailed, false},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(42)}, engine.HandshakeFailed, false},
		{errors.New("tls: no cipher suite supported by both client and server"), engine.HandshakeFailed, true},
	}
	for _, tt := range tests {
		if got := outcomeOf(tt.err); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.err, got, tt.want)
		}
		if got := wasTold(tt.err); got != tt.told {
			t.Errorf("%v: told %v, want %v", tt.err, got, tt.told)
		}
	}
}
