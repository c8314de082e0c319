//go:build linux

package sim_test

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// TestConformance makes random sequences of calls on the simulated kernel and on the real one,
// over loopback. After every call both must agree: on what the call returned, and for each
// socket on what poll reports and what can be read.
//
// ECHOD_SEQUENCES is the number of sequences, of all kinds together. The seed is the same in
// every run unless ECHOD_SEED sets it.
func TestConformance(t *testing.T) {
	total, seed := number(t, "ECHOD_SEQUENCES", 10000), number(t, "ECHOD_SEED", 1)
	if testing.Short() {
		total /= 10
	}
	kinds := []struct {
		name  string
		share int // of ten
		check func(*rapid.T)
	}{
		{"tcp", 5, func(t *rapid.T) { conform(t, unix.AF_INET, streamOps(t)) }},
		{"unix", 4, func(t *rapid.T) { conform(t, unix.AF_UNIX, streamOps(t)) }},
		{"udp", 1, conformDatagrams},
	}
	socketDir = t.TempDir()
	urgentOnUnix = sameUrgentOnUnix(t)
	restore(t, "rapid.checks", "rapid.seed", "rapid.nofailfile", "rapid.shrinktime")
	set(t, "rapid.shrinktime", "5s")
	set(t, "rapid.nofailfile", "true")
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			// rapid reads the number of checks from its flag; batches limit its memory.
			const batch = 5000
			for done, left := 0, max(total*kind.share/10, 1); left > 0; left -= batch {
				set(t, "rapid.checks", strconv.Itoa(min(left, batch)))
				set(t, "rapid.seed", strconv.Itoa(seed*1_000_003+done))
				rapid.Check(t, kind.check)
				done++
			}
		})
	}
}

// urgentOnUnix: sequences on unix sockets have urgent data.
var urgentOnUnix bool

// sameUrgentOnUnix reports whether this kernel treats urgent data on unix sockets as the
// simulated one does. Before 5.15 there was none, and until 6.18 its details changed often.
func sameUrgentOnUnix(t *testing.T) bool {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	release := unix.ByteSliceToString(u.Release[:])
	var major, minor int
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		t.Fatalf("kernel release %q: %v", release, err)
	}
	same := major > 6 || major == 6 && minor >= 18
	if !same {
		t.Logf("no urgent data on unix sockets: the simulated kernel is Linux 6.18, this is %s", release)
	}
	return same
}

func number(t *testing.T, name string, otherwise int) int {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s: invalid value %q: want a number from 1", name, text)
	}
	return n
}

func set(t *testing.T, name, value string) {
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
}

// restore restores the flags after the test: other tests use rapid too.
func restore(t *testing.T, names ...string) {
	for _, name := range names {
		old := flag.Lookup(name).Value.String()
		t.Cleanup(func() { flag.Set(name, old) })
	}
}

// op is one step of a sequence. What its numbers mean depends on its kind. The socket is a
// number modulo the number of sockets.
type op struct {
	kind    string
	socket  int
	number  int
	flag    bool
	another bool
}

func (o op) String() string {
	return fmt.Sprintf("%s %d %d %v %v", o.kind, o.socket, o.number, o.flag, o.another)
}

// streamKinds are the steps on stream sockets. One that is listed several times is drawn more
// often.
var streamKinds = []string{
	"connect", "connect", "accept", "accept", "accept",
	"send", "send", "send", "send", "send urgent", "send urgent",
	"recv", "recv", "recv", "recv", "peek", "recv urgent", "peek urgent",
	"shutdown", "shutdown", "close", "close", "linger", "inline", "inline",
	"outq", "held", "held", "socket error", "select", "epoll", "getpeername", "fresh", "listen", "relisten",
	"connect again", "overflow", "fill",
}

// streamOps draws a sequence. It starts with a connection, because most steps need one.
func streamOps(t *rapid.T) []op {
	one := rapid.Custom(func(t *rapid.T) op {
		return op{
			kind:    rapid.SampledFrom(streamKinds).Draw(t, "kind"),
			socket:  rapid.IntRange(0, 7).Draw(t, "socket"),
			number:  rapid.IntRange(0, 9).Draw(t, "number"),
			flag:    rapid.Bool().Draw(t, "flag"),
			another: rapid.Bool().Draw(t, "another"),
		}
	})
	first := []op{{kind: "listen", number: 3, flag: rapid.Bool().Draw(t, "inline")}, {kind: "connect"}, {kind: "accept"}}
	return append(first, rapid.SliceOfN(one, 1, 30).Draw(t, "ops")...)
}
