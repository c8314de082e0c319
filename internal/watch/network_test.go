package watch

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// network has services, over pipes, and a resolver that knows one name. It is used in a
// bubble of synctest.
type network struct {
	mu     sync.Mutex
	found  []netip.Addr
	broken map[string]error // of the resolver, by network
	silent string           // a network whose look-ups are not answered
	rotate int              // how many of found an answer has, the next ones each time; 0: all
	asked  int              // look-ups of IPv4 addresses
	conns  map[string][]net.Conn
	dead   map[string]bool
	dialed []time.Duration // when, from the beginning of the test
	served sync.WaitGroup
	began  time.Time
	log    []string
}

func newNetwork(found ...string) *network {
	return &network{found: addrs(found...), conns: make(map[string][]net.Conn), dead: make(map[string]bool), began: time.Now()}
}

// config returns a config with a probe each second and a look-up each ten seconds. The
// delays are half a second: the first look-up is half a second after the start, and the
// first probe of an address half a second after it was added.
func (f *network) config(t *testing.T, urls ...string) Config {
	c := Config{
		Interval: time.Second, Timeout: 2 * time.Second, Size: 64, Resolve: 10 * time.Second, Keep: 30 * time.Second, MaxAddresses: 100,
		Lookup: f.lookup, Dial: f.dial, Spread: func(d time.Duration) time.Duration { return d / 2 },
		Log: slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{ReplaceAttr: plain})),
	}
	for _, url := range urls {
		c.Targets = append(c.Targets, mustParse(t, url))
	}
	return c
}

// plain omits attributes that differ from run to run, or are always the same.
func plain(_ []string, a slog.Attr) slog.Attr {
	switch a.Key {
	case slog.TimeKey, slog.LevelKey, "error", "rtt":
		return slog.Attr{}
	}
	return a
}

// Write adds a line of the log.
func (f *network) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	line := strings.NewReplacer(`"`, "", "msg=", "", "target=dns+tcp://echo:7 ", "").Replace(string(p))
	f.log = append(f.log, strings.TrimSpace(line))
	return len(p), nil
}

func (f *network) lookup(ctx context.Context, network, _ string) ([]netip.Addr, error) {
	if f.silent == network {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if network == "ip6" {
		time.Sleep(time.Millisecond) // so that the order of the log is always the same
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if network == "ip4" {
		f.asked++
	}
	if err := f.broken[network]; err != nil {
		return nil, err
	}
	if f.rotate == 0 {
		return f.found, nil
	}
	var answer []netip.Addr
	for i := range f.rotate {
		answer = append(answer, f.found[(f.asked*f.rotate+i)%len(f.found)])
	}
	return answer, nil
}

// resolve sets the result of look-ups from now on.
func (f *network) resolve(found ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken, f.found = nil, addrs(found...)
}

// breakResolver makes look-ups on a network fail from now on.
func (f *network) breakResolver(network string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken == nil {
		f.broken = make(map[string]error)
	}
	f.broken[network] = err
}

func (f *network) dial(_ context.Context, _, address string) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dialed = append(f.dialed, time.Since(f.began))
	if f.dead[address] {
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}
	here, there := net.Pipe()
	f.conns[address] = append(f.conns[address], there)
	f.served.Go(func() { echo(there) })
	return here, nil
}

// echo takes a millisecond for each probe.
func echo(conn net.Conn) {
	defer conn.Close()
	p := make([]byte, 1<<16)
	for {
		n, err := conn.Read(p)
		if err != nil {
			return
		}
		time.Sleep(time.Millisecond)
		if _, err := conn.Write(p[:n]); err != nil {
			return
		}
	}
}

// kill stops the service at an address until revive.
func (f *network) kill(address string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead[address] = true
	for _, conn := range f.conns[address] {
		conn.Close()
	}
}

func (f *network) revive(address string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.dead, address)
}

// watching is a Watcher that runs.
type watching struct {
	*network
	*Watcher
	t       *testing.T
	changes chan List
	stop    func() // and wait until it has ended
}

// watch runs one in the bubble of t until it is stopped, or the test ends.
func (f *network) watch(t *testing.T, c Config) *watching {
	t.Helper()
	w, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	over, changes := make(chan struct{}), make(chan List)
	go func() { defer close(over); w.Run(ctx, changes) }()
	stop := func() { cancel(); <-over; f.served.Wait() }
	t.Cleanup(stop)
	return &watching{f, w, t, changes, stop}
}

// after waits in a bubble until d has passed.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// until waits until d after the start.
func (w *watching) until(d time.Duration) { after(time.Until(w.began.Add(d))) }

// taken returns the log since the last call.
func (f *network) taken() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	lines := f.log
	f.log = nil
	return lines
}

// wantLog compares the log since the last call, in the order of its words: what
// happens at one moment has no order.
func (w *watching) wantLog(want ...string) {
	w.t.Helper()
	got := w.taken()
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("log until %v (-want +got)\n%s", time.Since(w.began), diff)
	}
}

// want compares the results of all addresses.
func (w *watching) want(want ...string) {
	w.t.Helper()
	var got []string
	for _, target := range w.Snapshot().Targets {
		for _, a := range target.Addresses {
			state := map[bool]string{true: "up", false: "down"}[a.Up]
			if !a.Known {
				state = "unknown"
			}
			got = append(got, fmt.Sprintf("%s %s: %d received, %d lost", a.Address, state, a.Received, a.LostTotal()))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("addresses at %v (-want +got)\n%s", time.Since(w.began), diff)
	}
}
