package enginetest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"echod/internal/accept"
	"echod/internal/certs"
	"echod/internal/engine"
)

// tlsCases test faults of TLS.
var tlsCases = []testCase{
	{
		name:    "a FIN without close_notify is a truncation",
		promise: "S2: a truncated stream has no clean end: it is answered by a reset without close_notify, and counted as Truncated",
		on:      "tls",
		traced:  true,
		run:     truncation,
	},
	{
		name:    "a FIN within a record is a truncation",
		promise: "S2: a truncated stream has no clean end: it is answered by a reset without close_notify, and counted as Truncated",
		on:      "tls",
		traced:  true,
		run:     cutShort,
	},
	{
		name:    "a client that does not speak TLS is reset",
		promise: "P7: nothing is echoed before the handshake, and the failed handshake is counted",
		on:      "tls",
		traced:  true,
		run:     garbageFirst,
	},
	{
		name:    "invalid TLS after the handshake is reset",
		promise: "S2: a stream that cannot be decrypted has no clean end; P7: it is counted as Garbled",
		on:      "tls",
		traced:  true,
		run:     garbageLater,
	},
	{
		name:    "a stalled handshake is reset and counted",
		promise: "P7: after Config.HandshakeTimeout the client is reset and counted",
		on:      "tls",
		traced:  true,
		run:     stalledHandshake,
	},
	{
		name:    "200 stalled handshakes do not delay a healthy client",
		promise: "S4: clients that stop in the middle of a handshake do not delay others",
		on:      "tls",
		run:     manyStalledHandshakes,
	},
	{
		name:    "a client that disconnects before the handshake is counted as lost",
		promise: "P3, P7: nothing is left of it, and it is not counted as a TLS error",
		on:      "tls",
		traced:  true,
		run:     probed,
	},
	{
		name:    "a client without a trusted certificate is refused and gets an alert",
		promise: "P7: nothing is echoed to it, it gets an alert with the reason, and it is counted as refused",
		on:      "tls",
		traced:  true,
		run:     withoutCertificate,
	},
	{
		name:    "a TLS 1.2 client is refused if the minimum is 1.3",
		promise: "P7: it gets an alert with the reason, and is counted as failed",
		on:      "tls",
		traced:  true,
		run:     oldVersion,
	},
	{
		name:    "the next client gets a new certificate",
		promise: "the TLS configuration is used for each new handshake; open streams go on",
		on:      "tls",
		run:     newCertificate,
	},
	{
		name:    "a handshake at the end of a drain is reset and counted",
		promise: "P5, P7: when the context is done, unfinished handshakes are reset and counted as Drained",
		on:      "tls",
		traced:  true,
		run:     drainHandshake,
	},
	{
		name:    "New returns an error for TLS without a certificate",
		promise: "New returns an error, before anything is bound, for what cannot be served",
		on:      "tls",
		run:     noConfiguration,
	},
}

func truncation(t trial) {
	s := t.serve(engine.Config{})
	p := t.dial(s)
	p.echo(1000)
	p.tcp().CloseWrite()
	p.wantReset()
	t.wantClosed(s.waitIdle(), engine.Truncated, 1)
}

func cutShort(t trial) {
	s := t.serve(engine.Config{})
	p := t.dial(s)
	p.echo(1000)
	p.tcp().Write([]byte{23, 3, 3, 1, 0, 'c', 'u', 't'}) // a record of 256 bytes
	p.tcp().CloseWrite()
	p.wantReset()
	t.wantClosed(s.waitIdle(), engine.Truncated, 1)
}

func garbageFirst(t trial) {
	s := t.serve(engine.Config{})
	other := t.dial(s)
	other.echo(100)
	for _, garbage := range []string{"what comes in goes out", "GET / HTTP/1.1\r\nHost: echo\r\n\r\n", strings.Repeat("\x00", 100_000)} {
		conn := t.bare(s)
		conn.Write([]byte(garbage)) // it may fail: the server may have reset already
		if got, err := io.ReadAll(conn); !isReset(err) || len(got) > 0 {
			t.Errorf("%.10q: got %q and %v, want nothing and a reset", garbage, got, err)
		}
	}
	other.echo(100)
	st := s.waitBalanced(1)
	t.wantHandshakes(st, map[engine.Handshake]uint64{engine.HandshakeOK: 1, engine.HandshakeFailed: 3})
	if got := st.Refused[engine.RefusedHandshake]; got != 3 {
		t.Errorf("refused for the handshake: got %d, want 3", got)
	}
}

func garbageLater(t trial) {
	s := t.serve(engine.Config{})
	p := t.dial(s)
	p.echo(1000)
	p.tcp().Write(append([]byte{23, 3, 3, 0, 32}, make([]byte, 32)...)) // a record that cannot be decrypted
	if _, err := io.ReadAll(p.tcp()); !isReset(err) {
		t.Errorf("got %v, want a reset", err)
	}
	t.wantClosed(s.waitIdle(), engine.Garbled, 1)
}

func stalledHandshake(t trial) {
	s := t.serve(engine.Config{HandshakeTimeout: 100 * time.Millisecond})
	silent, partial := t.bare(s), t.bare(s)
	partial.Write([]byte{22, 3, 1, 2, 0, 1}) // of a record of 512 bytes
	for _, conn := range []net.Conn{silent, partial} {
		if got, err := io.ReadAll(conn); !isReset(err) || len(got) > 0 {
			t.Errorf("got %d bytes and %v, want nothing and a reset", len(got), err)
		}
	}
	t.wantHandshakes(s.waitIdle(), map[engine.Handshake]uint64{engine.HandshakeTimeout: 2})
}

// manyStalledHandshakes has clients that send nothing, and clients that stop in the middle
// of a handshake.
func manyStalledHandshakes(t trial) {
	s := t.serve(engine.Config{HandshakeTimeout: time.Hour})
	const stalled = 200
	for i := range stalled {
		conn := t.bare(s)
		if i%2 == 0 {
			continue
		}
		halfway(t, conn)
	}
	s.waitFor("all of them are accepted", func(st engine.Stats) bool { return st.Active == stalled })
	healthy := t.dial(s)
	healthy.echo(1000)
	healthy.halfClose()
	healthy.wantWhole()
}

// halfway does the handshake up to the answer of the server.
func halfway(t trial, conn net.Conn) {
	t.Helper()
	config, err := clientTLSConfig()
	if err != nil {
		t.Fatal(err)
	}
	config.VerifyConnection = func(tls.ConnectionState) error { return errHalfway }
	// An alert of the client would end the handshake, so it is not sent.
	if err := tls.Client(onlyFirst{conn, new(atomic.Bool)}, config).Handshake(); !errors.Is(err, errHalfway) {
		t.Fatalf("handshake: got %v, want it to go halfway", err)
	}
}

var errHalfway = errors.New("halfway is far enough")

// onlyFirst is a connection that sends only the first Write.
type onlyFirst struct {
	net.Conn
	said *atomic.Bool
}

func (c onlyFirst) Write(p []byte) (int, error) {
	if c.said.Swap(true) {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func probed(t trial) {
	s := t.serve(engine.Config{})
	t.bare(s).Close()
	aborts := t.bare(s)
	aborts.SetLinger(0)
	aborts.Close()
	st := s.waitFor("both are closed", func(st engine.Stats) bool {
		return st.Active == 0 && st.Accepted+st.Accepts[accept.Aborted] == 2
	})
	t.wantHandshakes(st, map[engine.Handshake]uint64{engine.HandshakeLost: st.Accepted})
}

func withoutCertificate(t trial) {
	ca, err := authority()
	if err != nil {
		t.Fatal(err)
	}
	untrustedCA, err := certs.NewCA(tomorrow())
	if err != nil {
		t.Fatal(err)
	}
	listener := t.listener("tls")
	listener.TLS.ClientAuth = tls.RequireAndVerifyClientCert
	listener.TLS.ClientCAs = x509.NewCertPool()
	listener.TLS.ClientCAs.AddCert(ca.Cert)
	s := t.serve(engine.Config{Listeners: []engine.Listener{listener}})

	none, untrusted := t.dialWithCertificate(s, nil), t.dialWithCertificate(s, &untrustedCA)
	t.wantAlert(none, "tls: certificate required")
	t.wantAlert(untrusted, "tls: unknown certificate authority")
	known := t.dialWithCertificate(s, &ca)
	known.echo(1000)
	known.halfClose()
	known.wantWhole()
	st := s.waitIdle()
	t.wantHandshakes(st, map[engine.Handshake]uint64{engine.HandshakeOK: 1, engine.HandshakeRefused: 2})
	if st.BytesIn != 1000 {
		t.Errorf("bytes in: got %d, want the 1000 of the trusted client", st.BytesIn)
	}
}

// dialWithCertificate connects as a client with a certificate signed by ca, or without one
// if ca is nil. It sends it, also if the server does not ask for one of ca.
func (t trial) dialWithCertificate(s *server, ca *certs.Pair) *peer {
	t.Helper()
	config, err := clientTLSConfig()
	if err != nil {
		t.Fatal(err)
	}
	if ca != nil {
		cert, err := certificate(ca.NewClient(tomorrow()))
		if err != nil {
			t.Fatal(err)
		}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	}
	return t.peer(newTLSClient(t.bare(s), config), nil)
}

// wantAlert sends bytes and fails the trial unless the answer is this alert.
func (t trial) wantAlert(p *peer, want string) {
	t.Helper()
	p.write(1000) // the handshake may be done for the client before the server refuses it
	var alert *net.OpError
	if err := p.finish(); !errors.As(err, &alert) || alert.Op != "remote error" || alert.Err.Error() != want {
		t.Errorf("got %v, want the alert %q", err, want)
	}
	if _, err := io.ReadAll(p.tcp()); err != nil {
		t.Errorf("after the alert: got %v, want a FIN, because a reset may overtake the alert", err)
	}
}

func oldVersion(t trial) {
	s := t.serve(engine.Config{})
	config, err := clientTLSConfig()
	if err != nil {
		t.Fatal(err)
	}
	config.MaxVersion = tls.VersionTLS12
	t.wantAlert(t.peer(newTLSClient(t.bare(s), config), nil), "tls: protocol version not supported")
	t.wantHandshakes(s.waitIdle(), map[engine.Handshake]uint64{engine.HandshakeFailed: 1})
}

func newCertificate(t trial) {
	var current atomic.Pointer[tls.Config]
	current.Store(t.serverTLSConfig())
	listener := t.listener("tls")
	listener.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return current.Load(), nil }}
	s := t.serve(engine.Config{Listeners: []engine.Listener{listener}})
	early := t.dial(s)
	early.echo(10)

	ca, err := authority()
	if err != nil {
		t.Fatal(err)
	}
	renewed, err := certificate(ca.NewServer(tomorrow(), "127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	current.Store(&tls.Config{Certificates: []tls.Certificate{renewed}})
	late := t.dial(s)
	late.echo(10)
	early.echo(10)
	if got := late.Conn.(*tlsClient).ConnectionState().PeerCertificates[0]; !got.Equal(renewed.Leaf) {
		t.Errorf("got the certificate %v, want the new one, %v", got.SerialNumber, renewed.Leaf.SerialNumber)
	}
	for _, p := range []*peer{early, late} {
		p.halfClose()
		p.wantWhole()
	}
}

func drainHandshake(t trial) {
	s := t.serve(engine.Config{HandshakeTimeout: time.Hour})
	silent := t.bare(s)
	s.waitFor("it is accepted", func(st engine.Stats) bool { return st.Active == 1 })
	s.close()
	if _, err := io.ReadAll(silent); !isReset(err) {
		t.Errorf("got %v, want a reset", err)
	}
	t.wantHandshakes(s.Stats(), map[engine.Handshake]uint64{engine.HandshakeDrained: 1})
	t.wantClosed(s.Stats(), engine.Drained, 1)
}

func noConfiguration(t trial) {
	good, bad := t.freePort(), t.listener("tls")
	bad.TLS = nil
	srv, err := t.engine.New(engine.Config{Listeners: []engine.Listener{good, bad}})
	if err == nil {
		srv.Shutdown(context.Background())
		t.Fatal("New with tls and no certificate: got no error")
	}
	t.wantRefused(good.Spec)
}

// bare returns a TCP connection to s, without TLS.
func (t trial) bare(s *server) *net.TCPConn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", s.spec.Addr.String(), waitLimit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(2 * waitLimit))
	return conn.(*net.TCPConn)
}

// wantHandshakes fails the trial unless exactly these handshakes were counted.
func (t trial) wantHandshakes(st engine.Stats, want map[engine.Handshake]uint64) {
	t.Helper()
	for i, got := range slices.All(st.Handshakes[:]) {
		if h := engine.Handshake(i); got != want[h] {
			t.Errorf("handshakes that ended as %v: got %d, want %d", h, got, want[h])
		}
	}
}
