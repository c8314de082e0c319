package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
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

// askTimeout is how long a client waits before it gives up.
const askTimeout = 30 * time.Second

// resolvers are what /etc/hosts and DNS may say of a name of this machine.
var resolvers = map[string][]string{
	"IPv4 alone": {"127.0.0.1"},
	"IPv6 alone": {"::1"},
	"IPv4 first": {"127.0.0.1", "::1"},
	"IPv6 first": {"::1", "127.0.0.1"},
}

// saying is a context in which every name has these addresses.
func saying(ctx context.Context, addrs ...string) context.Context {
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

// TestServerOfANameIsFoundByEveryClient: whatever the server's resolver and the
// client's say of localhost, check, ping and bench find what serves it, there and
// at each address of it.
func TestServerOfANameIsFoundByEveryClient(t *testing.T) {
	shown, trust := localCertificate(t)
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
				listeners := serveHere(saying(t.Context(), addrs...), t, network+"://localhost:0", shown)
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
					for asked, addrs := range resolvers {
						wantEveryClientEchoed(saying(t.Context(), addrs...), t, url, asked, trust)
					}
				}
			})
		}
	}
}

// TestNameIsTriedUntilOneAnswers: a service at one address of a name is found,
// although another comes first.
func TestNameIsTriedUntilOneAnswers(t *testing.T) {
	shown, trust := localCertificate(t)
	for _, network := range []string{"tcp", "tls", "udp"} {
		for _, at := range []string{"127.0.0.1", "::1"} {
			t.Run(network+" at "+at, func(t *testing.T) {
				if !machineHas(at) {
					t.Skipf("this machine has no %s", at)
				}
				l := serveHere(t.Context(), t, endpoint.URL{Network: network, Host: at}.String(), shown)[0]
				url := endpoint.URL{Network: network, Host: "localhost", Port: l.Addr.Port()}.String()
				for asked, addrs := range resolvers {
					wantEveryClientEchoed(saying(t.Context(), addrs...), t, url, asked, trust)
				}
			})
		}
	}
}

// serveHere serves url until the test ends, and returns what it listens on.
func serveHere(ctx context.Context, t *testing.T, url string, shown *tls.Config) []sock.Spec {
	t.Helper()
	var specs []sock.Spec
	plan, err := server.NewPlan(ctx, server.Config{
		Listeners: []engine.Listener{{Spec: mustParse(url)}}, Engine: "auto", TLSEngine: "net", TLS: shown, DrainTimeout: time.Millisecond,
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

// spy is an engine that tells what its servers listen on.
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

// wantEveryClientEchoed has check, ping and bench ask url.
func wantEveryClientEchoed(ctx context.Context, t *testing.T, url, asked string, trust *tls.Config) {
	t.Helper()
	for verb, ask := range map[string]func(context.Context, string, *tls.Config) error{
		"check": askByCheck, "ping": askByPing, "bench": askByBench,
	} {
		if err := ask(ctx, url, trust); err != nil {
			t.Errorf("%s of %s, %s: %v", verb, url, asked, err)
		}
	}
}

func askByCheck(ctx context.Context, url string, trust *tls.Config) error {
	target, err := check.ParseTarget(url)
	if err != nil {
		return err
	}
	rule := "stream/first-byte"
	if target.Network == "udp" {
		rule = "datagram/source"
	}
	if target.Network == "tls" {
		target.TLS = trust
	}
	report, err := check.Run(ctx, target, check.Options{Rules: []string{rule}, Timeout: askTimeout})
	if err != nil {
		return err
	}
	if r := report.Results[0]; r.Verdict != check.Pass {
		return fmt.Errorf("%s: %s", r.Verdict, r.Detail)
	}
	return nil
}

func askByPing(ctx context.Context, url string, trust *tls.Config) error {
	target, err := dial.Parse(url)
	if err != nil {
		return err
	}
	if target.Network == "tls" {
		target.TLS = trust
	}
	var last ping.Probe
	prober, err := ping.New(ping.Config{
		Target: target, Count: 1, Interval: time.Millisecond, Wait: askTimeout, Size: 64,
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

func askByBench(ctx context.Context, url string, trust *tls.Config) error {
	target, err := dial.Parse(url)
	if err != nil {
		return err
	}
	if target.Network == "tls" {
		target.TLS = trust
	}
	sizes, err := load.ParseSizes("64")
	if err != nil {
		return err
	}
	result, err := load.Run(ctx, load.Plan{
		URL: url, Target: target, Conns: 1, Depth: 1, Sizes: sizes, Messages: 1, Timeout: askTimeout, Verify: true, Seed: 1,
	}, nil)
	if err != nil {
		return err
	}
	if result.Messages == 0 {
		return fmt.Errorf("not one message came back: %v", result.Errors)
	}
	return nil
}

// localCertificate is what a server of localhost shows, and what trusts it.
func localCertificate(t *testing.T) (shown, trust *tls.Config) {
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
