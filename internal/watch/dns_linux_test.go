package watch

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"echod/internal/ping"
)

// nameServer answers each query for IPv4 addresses with those that it has, and all
// others with an empty answer (RFC 1035, section 4.1) or an error.
type nameServer struct {
	net.PacketConn
	mu     sync.Mutex
	found  []netip.Addr
	broken bool // it answers SERVFAIL to queries for IPv6 addresses
}

func newNameServer(t *testing.T, found ...string) *nameServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, over := &nameServer{PacketConn: conn, found: addrs(found...)}, make(chan struct{})
	go func() { defer close(over); s.serve() }()
	t.Cleanup(func() { conn.Close(); <-over })
	return s
}

func (s *nameServer) serve() {
	question := make([]byte, 1500)
	for {
		n, client, err := s.ReadFrom(question)
		if err != nil {
			return
		}
		s.WriteTo(s.answer(question[:n]), client)
	}
}

func (s *nameServer) answer(question []byte) []byte {
	const header, kindA, servfail = 12, 1, 2
	end := header + slices.Index(question[header:], 0) + 1 // of the name
	answer := slices.Clone(question[:end+4])
	copy(answer[2:header], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}) // a recursive answer to one question
	s.mu.Lock()
	defer s.mu.Unlock()
	if binary.BigEndian.Uint16(question[end:]) != kindA {
		if s.broken {
			answer[3] |= servfail
		}
		return answer
	}
	answer[7] = byte(len(s.found))
	for _, addr := range s.found {
		answer = append(answer, 0xc0, header, 0, kindA, 0, 1, 0, 0, 0, 0, 0, 4) // the name of the question; lives for 0 s
		answer = append(answer, addr.AsSlice()...)
	}
	return answer
}

// lookup sends a query to s with Go's own resolver.
func (s *nameServer) lookup(ctx context.Context, network, host string) ([]netip.Addr, error) {
	resolver := &net.Resolver{PreferGo: true, StrictErrors: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", s.LocalAddr().String())
	}}
	return resolver.LookupNetIP(ctx, network, host)
}

// TestFailedQueryForIPv6DoesNotHideIPv4Addresses: Go's resolver returns an error for both
// families if the server fails for one.
func TestFailedQueryForIPv6DoesNotHideIPv4Addresses(t *testing.T) {
	dns := newNameServer(t, "127.77.0.1")
	dns.mu.Lock()
	dns.broken = true
	dns.mu.Unlock()
	log := make(lines, 1000)
	w, err := New(Config{
		Targets:  []Target{mustParse(t, "dns+tcp://echo.test.:7")},
		Interval: MinInterval, Resolve: ping.MinResolve, Timeout: time.Minute, Size: 64, MaxAddresses: 3,
		Lookup: dns.lookup, Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() { defer close(over); w.Run(ctx, nil) }()
	defer func() { stop(); <-over }()
	log.awaitAll(t, []string{"name not resolved", "network=ip6", "server misbehaving"}, []string{"address added", "127.77.0.1:7"})
	got := w.Snapshot().Targets[0]
	if n := got.Failures[Failure{"ip6", "server"}]; n == 0 || n != got.FailedLookups() {
		t.Errorf("got the failed look-ups %v, want only ip6 of the server", got.Failures)
	}
}

// service is an echo service that can stop and start again.
type service struct {
	addr  string
	ln    net.Listener
	mu    sync.Mutex
	conns []net.Conn
	wg    sync.WaitGroup
}

// live starts the service, the first time at a free port if the port is 0.
func (s *service) live(t *testing.T) {
	t.Helper()
	ln, err := net.Listen("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	s.addr, s.ln = ln.Addr().String(), ln
	s.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			s.wg.Go(func() { defer conn.Close(); io.Copy(conn, conn) })
		}
	})
}

// die stops the service and closes its connections.
func (s *service) die() {
	s.ln.Close()
	s.mu.Lock()
	for _, conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// lines is a log whose lines can be waited for.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// await waits for a line that contains all words.
func (l lines) await(t *testing.T, words ...string) {
	t.Helper()
	l.awaitAll(t, words)
}

// awaitAll waits for several such lines, in any order.
func (l lines) awaitAll(t *testing.T, all ...[]string) {
	t.Helper()
	deadline := time.After(time.Minute)
	for len(all) > 0 {
		select {
		case line := <-l:
			all = slices.DeleteFunc(all, func(words []string) bool {
				return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) })
			})
		case <-deadline:
			t.Fatalf("the log never said %q", all)
		}
	}
}

// TestNameOfThreeAddressesOnTheLoopback resolves a name with Go's resolver. A service
// listens on each address. One stops, starts again, stops, and is removed from the name. Nothing
// else uses 127.77.0.0/24, so a closed port there stays closed.
func TestNameOfThreeAddressesOnTheLoopback(t *testing.T) {
	first := &service{addr: "127.77.0.1:0"}
	first.live(t)
	_, port, _ := net.SplitHostPort(first.addr)
	second, third := &service{addr: "127.77.0.2:" + port}, &service{addr: "127.77.0.3:" + port}
	second.live(t)
	third.live(t)
	for _, s := range []*service{first, second, third} {
		t.Cleanup(func() { s.die() })
	}
	dns := newNameServer(t, "127.77.0.1", "127.77.0.2", "127.77.0.3")
	log := make(lines, 1000)
	w, err := New(Config{
		Targets:  []Target{mustParse(t, "dns+tcp://echo.test.:"+port)},
		Interval: MinInterval, Resolve: ping.MinResolve, Timeout: time.Minute, Size: 64, MaxAddresses: 3,
		Lookup: dns.lookup, Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() { defer close(over); w.Run(ctx, nil) }()
	defer func() { stop(); <-over }()

	for range 3 {
		log.await(t, "target up")
	}
	second.die()
	log.await(t, "target down", second.addr)
	second.live(t)
	log.await(t, "target up again", second.addr, "was_down=")
	var got []string
	for _, a := range w.Snapshot().Targets[0].Addresses {
		got = append(got, fmt.Sprintf("%s up %v lost %v", a.Address, a.Up, a.LostTotal() > 0))
	}
	want := []string{first.addr + " up true lost false", second.addr + " up true lost true", third.addr + " up true lost false"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	second.die()
	log.await(t, "target down", second.addr)
	dns.mu.Lock()
	dns.found = addrs("127.77.0.1", "127.77.0.3")
	dns.mu.Unlock()
	log.await(t, "address removed", second.addr, "addresses=2")
}
