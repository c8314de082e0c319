package lab

import (
	"net"
	"strings"
	"testing"
)

// TestExperimentsPassWithoutAProxy exists because an experiment that always fails would
// confirm everything.
func TestExperimentsPassWithoutAProxy(t *testing.T) {
	for rule := range experiments {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			far := listen(t)
			open := far.Addr().String()
			if strings.HasPrefix(rule, "tls/") {
				open = "tls://" + terminate(t, open, false)
			}
			c, _ := plain(rule, path{open, closed(t)}, far)
			if c.Failed != 0 {
				t.Errorf("%s: %v", rule, c)
			}
		})
	}
}

// TestExperimentsDetectAFullClose uses the most common fault of proxies.
func TestExperimentsDetectAFullClose(t *testing.T) {
	for _, rule := range []string{"stream/half-close", "stream/half-close-late", "stream/half-close-owed",
		"stream/server-fin", "stream/rst-to-server", "stream/rst-to-client", "stream/rst-after-data", "stream/refused"} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			far := listen(t)
			through := path{fullClose(t, far.Addr().String()), fullClose(t, closed(t))}
			c, _ := plain(rule, through, far)
			if c.Failed != Times {
				t.Errorf("%s: %v, want %d failures", rule, c, Times)
			}
		})
	}
}

// TestExperimentsDetectAHiddenTruncation uses a terminator that makes every end orderly.
func TestExperimentsDetectAHiddenTruncation(t *testing.T) {
	for _, rule := range []string{"tls/truncation", "tls/truncation-to-server", "tls/truncation-to-client", "stream/rst-to-client", "stream/rst-after-data"} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			far := listen(t)
			c, _ := plain(rule, path{open: "tls://" + terminate(t, far.Addr().String(), true)}, far)
			if c.Failed != Times {
				t.Errorf("%s: %v, want %d failures", rule, c, Times)
			}
		})
	}
}

// closed returns an address where nothing listens.
func closed(t *testing.T) string {
	t.Helper()
	p, err := reserveClosed()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.release)
	return Local(p.number)
}

func listen(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// fullClose starts a proxy that closes both directions with a FIN after the FIN of one.
func fullClose(t *testing.T, to string) string {
	l := listen(t)
	go func() {
		for {
			near, err := l.AcceptTCP()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			go shuttle(near, far.(*net.TCPConn))
			go shuttle(far.(*net.TCPConn), near)
		}
	}()
	return l.Addr().String()
}

func shuttle(from, to *net.TCPConn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			to.Write(buffer[:n])
		}
		if err != nil {
			from.Close()
			to.Close()
			return
		}
	}
}
