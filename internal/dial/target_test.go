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

	"echod/internal/usage"
)

func TestParse(t *testing.T) {
	tests := []struct{ url, network, address, text string }{
		{"TCP://127.0.0.1:7", "tcp", "127.0.0.1:7", "tcp://127.0.0.1:7"},
		{"tls://echo.example:443", "tls", "echo.example:443", "tls://echo.example:443"},
		{"udp://[fe80::1%eth0]:7", "udp", "[fe80::1%eth0]:7", "udp://[fe80::1%25eth0]:7"},
		{"unix:///a%20path/100%25", "unix", "/a path/100%", "unix:///a%20path/100%25"},
	}
	for _, tt := range tests {
		got, err := Parse(tt.url)
		if err != nil || got.Network != tt.network || got.Address != tt.address || got.String() != tt.text {
			t.Errorf("%s: got %q %q, %s, error %v; want %q %q, %s", tt.url, got.Network, got.Address, got, err, tt.network, tt.address, tt.text)
		}
	}
	got, err := Parse("tcp://echo.example:0")
	if _, ok := errors.AsType[*usage.Error](err); !ok || got.Network != "" || got.Address != "" {
		t.Errorf("got %v, %v; want a *usage.Error alone", got, err)
	}
}

func TestDialUsesTheSourceAddress(t *testing.T) {
	source := netip.MustParseAddr("127.0.0.1")
	if runtime.GOOS == "linux" {
		source = netip.MustParseAddr("127.9.8.7") // on Linux, 127.0.0.0/8 is local
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

func TestViaReplacesPackageNet(t *testing.T) {
	local, remote := net.Pipe()
	defer remote.Close()
	errVia := errors.New("failed")
	nowhere := Target{Network: "tcp", Address: "256.0.0.1:7"} // net would fail
	nowhere.Via = func(context.Context) (net.Conn, error) { return local, nil }
	if got, err := nowhere.Dial(t.Context()); got != local || err != nil {
		t.Errorf("got %v and %v, want the connection that Via made", got, err)
	}
	nowhere.Via = func(context.Context) (net.Conn, error) { return nil, errVia }
	nowhere.Network = "tls"
	if _, err := nowhere.Dial(t.Context()); err != errVia {
		t.Errorf("under TLS: got %v, want the error of Via alone", err)
	}
}

// The default ServerName is the host of the address, even if Via connects elsewhere.
func TestTLSVerifiesTheHostOfTheURL(t *testing.T) {
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
	local, remote := net.Pipe() // nothing answers
	defer remote.Close()
	ctx, cancel := context.WithCancel(t.Context())
	target := Target{Network: "tls", Address: "echo.example:7"}
	target.Via = func(context.Context) (net.Conn, error) { return local, nil }
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := target.Dial(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	if _, err := remote.Read(make([]byte, 1)); err == nil {
		_, err = io.Copy(io.Discard, remote)
		if err != nil {
			t.Errorf("the connection below TLS: got %v, want it closed", err)
		}
	}
}

// crypto/tls returns io.EOF for both.
func TestGotCloseNotifyTellsACloseNotifyFromAFIN(t *testing.T) {
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
			if got, want := GotCloseNotify(conn, io.EOF), name == "close_notify"; got != want {
				t.Errorf("got %v, want %v", got, want)
			}
			if GotCloseNotify(conn, io.ErrUnexpectedEOF) {
				t.Error("after another error: got true, want false")
			}
			if _, ok := Transport(conn).(*net.TCPConn); !ok {
				t.Errorf("below TLS: got a %T, want the socket", Transport(conn))
			}
		})
	}
}

func TestTransportIsTheConnectionItselfWithoutTLS(t *testing.T) {
	local, remote := net.Pipe()
	defer local.Close()
	defer remote.Close()
	if got := Transport(local); got != local {
		t.Errorf("got %v, want the connection itself", got)
	}
}

// TestPermitIsAskedBeforeEachConnect: also for datagrams, and for all addresses of a name.
func TestPermitIsAskedBeforeEachConnect(t *testing.T) {
	refused := errors.New("not permitted")
	for _, url := range []string{"tcp://127.0.0.1:7", "tls://127.0.0.1:7", "udp://[::1]:7", "tcp://localhost:7", "udp://localhost:7"} {
		target, err := Parse(url)
		if err != nil {
			t.Fatal(err)
		}
		asked := 0
		target.Permit = func(netip.Addr) error { asked++; return refused }
		if conn, err := target.Dial(t.Context()); conn != nil || !errors.Is(err, refused) || asked == 0 {
			t.Errorf("%s: got %v, %v after %d questions, want %v", url, conn, err, asked, refused)
		}
	}
	target, _ := Parse("unix:///run/echo.sock")
	target.Permit = func(netip.Addr) error { return nil }
	if err := target.Permitted("/run/echo.sock"); err == nil {
		t.Error("a path is permitted")
	}
}
