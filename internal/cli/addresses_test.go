package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"echod/check"
	"echod/internal/certs"
	"echod/internal/dial"
	"echod/internal/endpoint"
	"echod/internal/engine"
	"echod/internal/load"
	"echod/internal/ping"
	"echod/internal/server"
	"echod/internal/sock"
)

// clientTimeout is the timeout of every client.
const clientTimeout = 30 * time.Second

// resolvers are what /etc/hosts and DNS may return for a name of this machine.
var resolvers = map[string][]string{
	"IPv4 alone": {"127.0.0.1"},
	"IPv6 alone": {"::1"},
	"IPv4 first": {"127.0.0.1", "::1"},
	"IPv6 first": {"::1", "127.0.0.1"},
}

// resolving returns a context in which every name has these addresses.
func resolving(ctx context.Context, addrs ...string) context.Context {
	return endpoint.WithLookup(ctx, func(context.Context, string) (found []netip.Addr, _ error) {
		for _, addr := range addrs {
			found = append(found, netip.MustParseAddr(addr))
		}
		return found, nil
	})
}

// machineHas reports whether addr can be bound here.
func machineHas(addr string) bool {
	conn, err := net.ListenPacket("udp", net.JoinHostPort(addr, "0"))
	if err == nil {
		conn.Close()
	}
	return err == nil
}

// TestEveryClientFindsTheServerOfAName: check, ping and bench reach a server of localhost
// by its name and by each address, whatever the resolvers of server and client return.
func TestEveryClientFindsTheServerOfAName(t *testing.T) {
	serverTLS, clientTLS := localCertificate(t)
	hosts := []string{"localhost"}
	for _, addr := range []string{"127.0.0.1", "::1"} {
		if machineHas(addr) {
			hosts = append(hosts, addr)
		} else {
			t.Logf("this machine has no %s", addr)
		}
	}
	for _, network := range []string{"tcp", "tls", "udp"} {
		for served, addrs := range resolvers {
			t.Run(network+", served as "+served, func(t *testing.T) {
				listeners := serveHere(resolving(t.Context(), addrs...), t, network+"://localhost:0", serverTLS)
				if len(listeners) != len(hosts)-1 {
					t.Fatalf("got %v, want one for each of %v", listeners, hosts[1:])
				}
				for _, l := range listeners {
					if l.Addr.Port() != listeners[0].Addr.Port() {
						t.Errorf("got %v, want one port", listeners)
					}
				}
				for _, host := range hosts {
					url := endpoint.URL{Network: network, Host: host, Port: listeners[0].Addr.Port()}.String()
					for resolver, addrs := range resolvers {
						wantEchoForEveryClient(resolving(t.Context(), addrs...), t, url, resolver, clientTLS)
					}
				}
			})
		}
	}
}

// TestEveryClientTriesEachAddressOfAName: the service is at one address of the name, and
// the resolver returns another first.
func TestEveryClientTriesEachAddressOfAName(t *testing.T) {
	serverTLS, clientTLS := localCertificate(t)
	for _, network := range []string{"tcp", "tls", "udp"} {
		for _, at := range []string{"127.0.0.1", "::1"} {
			t.Run(network+" at "+at, func(t *testing.T) {
				if !machineHas(at) {
					t.Skipf("this machine has no %s", at)
				}
				l := serveHere(t.Context(), t, endpoint.URL{Network: network, Host: at}.String(), serverTLS)[0]
				for other := map[string]string{"127.0.0.1": "::1", "::1": "127.0.0.1"}[at]; machineHas(other) && !holdPort(t, network, other, l.Addr.Port()); {
					l = serveHere(t.Context(), t, endpoint.URL{Network: network, Host: at}.String(), serverTLS)[0]
				}
				url := endpoint.URL{Network: network, Host: "localhost", Port: l.Addr.Port()}.String()
				for resolver, addrs := range resolvers {
					wantEchoForEveryClient(resolving(t.Context(), addrs...), t, url, resolver, clientTLS)
				}
			})
		}
	}
}

// holdPort takes a port of addr until the test ends, so that no other process serves there.
// Nothing listens on it: a socket with a peer refuses all others. It reports whether the port
// was free.
func holdPort(t *testing.T, network, addr string, port uint16) bool {
	t.Helper()
	ip := net.ParseIP(addr)
	peer, err := net.Listen("tcp", net.JoinHostPort(addr, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	dialer, to := net.Dialer{LocalAddr: &net.TCPAddr{IP: ip, Port: int(port)}}, peer.Addr()
	if network == "udp" {
		dialer.LocalAddr, to = &net.UDPAddr{IP: ip, Port: int(port)}, &net.UDPAddr{IP: ip, Port: peer.Addr().(*net.TCPAddr).Port}
	}
	conn, err := dialer.Dial(to.Network(), to.String())
	if err != nil {
		t.Logf("port %d of %s is in use: %v", port, addr, err)
		return false
	}
	t.Cleanup(func() { conn.Close() })
	return true
}

// serveHere serves url until the test ends, and returns what it listens on.
func serveHere(ctx context.Context, t *testing.T, url string, serverTLS *tls.Config) []sock.Spec {
	t.Helper()
	var specs []sock.Spec
	plan, err := server.NewPlan(ctx, server.Config{
		Listeners: []engine.Listener{{Spec: mustParse(url)}}, Engine: "auto", TLSEngine: "net", TLS: serverTLS, DrainTimeout: time.Millisecond,
		Lookup: func(name string) (engine.Engine, error) {
			found, err := lookupEngine(name)
			return spy{found, &specs}, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	service, err := plan.Bind()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	running, stop := context.WithCancel(context.Background())
	go func() { ended <- service.Run(running, make(chan os.Signal)) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return specs
}

// spy is an engine that records what its servers listen on.
type spy struct {
	engine.Engine
	specs *[]sock.Spec
}

func (s spy) New(cfg engine.Config) (engine.Server, error) {
	server, err := s.Engine.New(cfg)
	if err == nil {
		*s.specs = slices.Clone(server.Listeners())
	}
	return server, err
}

// wantEchoForEveryClient fails the test unless check, ping and bench get an echo from url.
func wantEchoForEveryClient(ctx context.Context, t *testing.T, url, resolver string, clientTLS *tls.Config) {
	t.Helper()
	for verb, ask := range map[string]func(context.Context, string, *tls.Config) error{
		"check": echoWithCheck, "ping": echoWithPing, "bench": echoWithBench,
	} {
		if err := ask(ctx, url, clientTLS); err != nil {
			t.Errorf("%s of %s, %s: %v", verb, url, resolver, err)
		}
	}
}

func echoWithCheck(ctx context.Context, url string, clientTLS *tls.Config) error {
	target, err := check.ParseTarget(url)
	if err != nil {
		return err
	}
	rule := "stream/first-byte"
	if target.Network == "udp" {
		rule = "datagram/source"
	}
	if target.Network == "tls" {
		target.TLS = clientTLS
	}
	report, err := check.Run(ctx, target, check.Options{Rules: []string{rule}, Timeout: clientTimeout})
	if err != nil {
		return err
	}
	if report.Verdict() != check.Pass {
		return errors.New(report.Summary())
	}
	return nil
}

func echoWithPing(ctx context.Context, url string, clientTLS *tls.Config) error {
	target, err := dial.Parse(url)
	if err != nil {
		return err
	}
	if target.Network == "tls" {
		target.TLS = clientTLS
	}
	var last ping.Probe
	prober, err := ping.New(ping.Config{
		Target: target, Count: 1, Interval: time.Millisecond, Timeout: clientTimeout, Size: 64,
		OnProbe: func(p ping.Probe) { last = p },
	})
	if err != nil {
		return err
	}
	prober.Run(ctx)
	if last.Fate != ping.Answered {
		return fmt.Errorf("%s: %v", last.Fate, last.Err)
	}
	return nil
}

func echoWithBench(ctx context.Context, url string, clientTLS *tls.Config) error {
	target, err := dial.Parse(url)
	if err != nil {
		return err
	}
	if target.Network == "tls" {
		target.TLS = clientTLS
	}
	sizes, err := load.ParseSizes("64")
	if err != nil {
		return err
	}
	result, err := load.Run(ctx, load.Plan{
		URL: url, Target: target, Conns: 1, Depth: 1, Sizes: sizes, Messages: 1, Timeout: clientTimeout, Verify: true, Seed: 1,
	}, nil)
	if err != nil {
		return err
	}
	if result.Answered == 0 {
		return fmt.Errorf("not one message came back: %v", result.Failed)
	}
	return nil
}

// localCertificate returns the TLS of a server of localhost, and of a client that trusts it.
func localCertificate(t *testing.T) (serverTLS, clientTLS *tls.Config) {
	t.Helper()
	end := time.Now().Add(time.Hour)
	ca, err := certs.NewCA(end)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.NewServer(end, "localhost", "127.0.0.1", "::1")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Cert)
	cert := tls.Certificate{Certificate: [][]byte{pair.Cert.Raw}, PrivateKey: pair.Key}
	return &tls.Config{Certificates: []tls.Certificate{cert}}, &tls.Config{RootCAs: roots}
}
