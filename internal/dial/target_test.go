package dial

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"
)

func TestDialSpeaksFromTheSourceItWasGiven(t *testing.T) {
	source := netip.MustParseAddr("127.0.0.1")
	if runtime.GOOS == "linux" {
		source = netip.MustParseAddr("127.9.8.7") // there, all of 127/8 is this machine's
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	for _, target := range []Target{
		{Network: "tcp", Address: tcp.Addr().String(), Source: source},
		{Network: "udp", Address: udp.LocalAddr().String(), Source: source},
	} {
		conn, err := target.Dial(t.Context())
		if err != nil {
			t.Errorf("%s: %v", target, err)
			continue
		}
		defer conn.Close()
		from := netip.MustParseAddrPort(conn.LocalAddr().String())
		if from.Addr() != source || from.Port() == 0 {
			t.Errorf("%s: got a connection from %s, want one from %s and a port of the kernel's choice", target, from, source)
		}
	}
}

func TestViaMakesTheConnectionInPlaceOfNet(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	asked := errors.New("asked")
	nowhere := Target{Network: "tcp", Address: "256.0.0.1:7"} // net would fail
	nowhere.Via = func(context.Context) (net.Conn, error) { return here, nil }
	if got, err := nowhere.Dial(t.Context()); got != here || err != nil {
		t.Errorf("got %v and %v, want the connection that Via made", got, err)
	}
	nowhere.Via = func(context.Context) (net.Conn, error) { return nil, asked }
	nowhere.Network = "tls"
	if _, err := nowhere.Dial(t.Context()); err != asked {
		t.Errorf("under TLS: got %v, want the error of Via alone", err)
	}
}

// TestTLSTrustsTheNameThatTheURLHas: without a ServerName it is the address's
// host, also where the connection goes elsewhere.
func TestTLSTrustsTheNameThatTheURLHas(t *testing.T) {
	ca := authority(t)
	server, err := ca.NewServer(time.Now().Add(time.Hour), "echo.example")
	address := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{certificate(t, server, err)}})
	tests := []struct {
		name   string
		url    string
		config *tls.Config
		want   bool
	}{
		{"the name of the URL", "echo.example:7", &tls.Config{RootCAs: pool(ca)}, true},
		{"another name", "other.example:7", &tls.Config{RootCAs: pool(ca)}, false},
		{"a ServerName instead", "other.example:7", &tls.Config{RootCAs: pool(ca), ServerName: "echo.example"}, true},
		{"the system's roots", "echo.example:7", nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := Target{Network: "tls", Address: tt.url, TLS: tt.config}
			target.Via = func(ctx context.Context) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", address)
			}
			conn, err := target.Dial(t.Context())
			if err == nil {
				conn.Close()
			}
			if _, refused := errors.AsType[*HandshakeError](err); (err == nil) != tt.want || refused == tt.want {
				t.Errorf("got %v, want success %v or else a *HandshakeError", err, tt.want)
			}
			if tt.config != nil && tt.config.GetClientCertificate != nil {
				t.Error("the caller's configuration was changed")
			}
		})
	}
}

func TestHandshakeEndsWithTheContext(t *testing.T) {
	here, there := net.Pipe() // nobody answers there
	defer there.Close()
	ctx, cancel := context.WithCancel(t.Context())
	target := Target{Network: "tls", Address: "echo.example:7"}
	target.Via = func(context.Context) (net.Conn, error) { return here, nil }
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := target.Dial(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	if _, err := there.Read(make([]byte, 1)); err == nil {
		_, err = io.Copy(io.Discard, there)
		if err != nil {
			t.Errorf("the connection below: got %v, want it closed", err)
		}
	}
}

// TestNotifiedTellsACloseNotifyFromAFin: to crypto/tls they are the same.
func TestNotifiedTellsACloseNotifyFromAFin(t *testing.T) {
	ca := authority(t)
	server, err := ca.NewServer(time.Now().Add(time.Hour), "127.0.0.1")
	config := &tls.Config{Certificates: []tls.Certificate{certificate(t, server, err)}}
	ends := map[string]func(*tls.Conn){
		"close_notify": func(c *tls.Conn) { c.Close() },
		"a FIN alone":  func(c *tls.Conn) { c.NetConn().Close() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			go func() {
				if c, err := ln.Accept(); err == nil {
					c := tls.Server(c, config)
					c.Write([]byte("e"))
					end(c)
				}
			}()
			target := Target{Network: "tls", Address: ln.Addr().String(), TLS: &tls.Config{RootCAs: pool(ca)}}
			conn, err := target.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			got, err := io.ReadAll(conn)
			if string(got) != "e" || err != nil {
				t.Fatalf("got %q and %v, want the byte and an end", got, err)
			}
			if got, want := Notified(conn, io.EOF), name == "close_notify"; got != want {
				t.Errorf("notified: got %v, want %v", got, want)
			}
			if Notified(conn, io.ErrUnexpectedEOF) {
				t.Error("notified of an end that is none: got true, want false")
			}
			if _, ok := Bare(conn).(*net.TCPConn); !ok {
				t.Errorf("below TLS: got a %T, want the socket", Bare(conn))
			}
		})
	}
}

func TestBareIsItselfWithoutTLS(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	if got := Bare(here); got != here {
		t.Errorf("got %v, want the connection itself", got)
	}
}
