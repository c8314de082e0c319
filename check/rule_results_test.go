package check_test

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"echod/check"
	"echod/echotest"
)

// runRule runs one rule on the service at url.
func runRule(t *testing.T, url, rule string, o check.Options) check.Result {
	t.Helper()
	o.Rules = []string{rule}
	report, err := check.Run(t.Context(), parse(t, url), o)
	if err != nil {
		t.Fatal(err)
	}
	return report.Results[0]
}

func parse(t *testing.T, url string) check.Target {
	t.Helper()
	target, err := check.ParseTarget(url)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// wantDetail compares a result; detail is a regular expression.
func wantDetail(t *testing.T, got check.Result, verdict check.Verdict, class check.Class, detail string) {
	t.Helper()
	if got.Verdict != verdict || got.Class != class || !regexp.MustCompile(detail).MatchString(got.Detail) {
		t.Errorf("got  %s %s: %s\nwant %s %s: %s", got.Verdict, got.Class, got.Detail, verdict, class, detail)
	}
}

func TestSizeSweepFindsTheSizeFromWhichMessagesHang(t *testing.T) {
	t.Parallel()
	proxy := echotest.NewBrokenProxy(t, echotest.DropsLargeChunks(), echotest.NewServer(t).URL())
	got := runRule(t, proxy.URL(), "stream/size-sweep", check.Options{Timeout: 3 * time.Second})
	wantDetail(t, got, check.Fail, check.Timeout, "^messages of up to 1400 bytes come back, messages of 1401 bytes hang$")
}

func TestSizeSweepTellsAChangedByteFromAHang(t *testing.T) {
	got := runRule(t, echotest.NewBroken(t, echotest.SwapsBytes()).URL(), "stream/size-sweep", check.Options{})
	wantDetail(t, got, check.Fail, check.Corrupt, `^a message of \d+ bytes: bytes 500\d to 500\d arrived in another order$`)
}

func TestIdlePassesAnEndAndFailsASilentLoss(t *testing.T) {
	t.Parallel()
	const after = 3 * time.Second // a busy machine may take a second to exchange a byte
	for _, tt := range []struct {
		fault   echotest.ProxyFault
		verdict check.Verdict
		class   check.Class
		detail  string
	}{
		{echotest.ClosesIdle(after), check.Pass, "", `^a timeout that both sides are informed of: without keepalive of the client, the connection was ended by a FIN after \S+s of silence; with keepalive every 15s, it was ended by a FIN after`},
		{echotest.ResetsIdle(after), check.Pass, "", `^a timeout that both sides are informed of: without keepalive of the client, the connection was reset after \S+s of silence;`},
		{echotest.ForgetsIdle(after), check.Fail, check.Silent, `^without keepalive of the client, the connection was lost silently after \S+s of silence;`},
	} {
		t.Run(tt.fault.Name, func(t *testing.T) {
			t.Parallel()
			proxy := echotest.NewBrokenProxy(t, tt.fault, echotest.NewServer(t).URL())
			got := runRule(t, proxy.URL(), "stream/idle", check.Options{Long: true, IdleMax: 2 * after, Timeout: after})
			wantDetail(t, got, tt.verdict, tt.class, tt.detail)
		})
	}
}

func TestIdleOnAUnixSocketHasNoKeepalive(t *testing.T) {
	got := runRule(t, echotest.NewUnixServer(t).URL(), "stream/idle", check.Options{Long: true, IdleMax: 200 * time.Millisecond})
	wantDetail(t, got, check.Pass, "", `^without keepalive of the client, the connection survived after 200ms of silence$`)
}

func TestRefusedFailsOnAPathThatAcceptsForADeadServer(t *testing.T) {
	t.Parallel()
	honest := echotest.NewServer(t)
	for _, tt := range []struct {
		name    string
		behind  func(net.Conn) // serves an accepted connection
		verdict check.Verdict
		class   check.Class
		detail  string
	}{
		{"reset", func(c net.Conn) { c.(*net.TCPConn).SetLinger(0); c.Close() }, check.Fail, check.Reset, "^the connect was accepted, then reset after "},
		{"fin", func(c net.Conn) { c.(*net.TCPConn).CloseWrite() }, check.Fail, check.PrematureEOF, "^the connect was accepted, then ended by a FIN after "},
		{"nothing", func(net.Conn) {}, check.Fail, check.Silent, "^the connect was accepted, and then nothing arrived for 1s$"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				c, err := l.Accept()
				if err != nil {
					return
				}
				tt.behind(c)
				<-t.Context().Done() // keeps c reachable, or the runtime would close it
				c.Close()
			}()
			got := runRule(t, honest.URL(), "stream/refused", check.Options{Closed: "tcp://" + l.Addr().String(), Timeout: time.Second})
			wantDetail(t, got, tt.verdict, tt.class, tt.detail)
		})
	}
	t.Run("an echo is not a closed port", func(t *testing.T) {
		got := runRule(t, honest.URL(), "stream/refused", check.Options{Closed: echotest.NewServer(t).URL()})
		wantDetail(t, got, check.Error, "", "^an echo answers at .*: pass the URL of a port on which nothing listens$")
	})
}

func TestClosedIsTheURLOfAStream(t *testing.T) {
	for _, url := range []string{"udp://localhost:7", "localhost"} {
		_, err := check.Run(t.Context(), serve(t), check.Options{Closed: url})
		var usage *check.UsageError
		if !errors.As(err, &usage) || !strings.Contains(usage.Got, url) {
			t.Errorf("%s: got %v, want a usage error that names it", url, err)
		}
	}
}

func TestOrderLossCountsAndPasses(t *testing.T) {
	server := echotest.NewUDPServer(t)
	for _, tt := range []struct {
		fault  echotest.ProxyFault
		detail string
	}{
		{echotest.DropsDatagrams(), "^1000 sent: 3[3-9][0-9] lost, 0 duplicated, 0 out of order$"},
		{echotest.DuplicatesDatagrams(), `^1000 sent: \d+ lost, 3\d\d duplicated, 0 out of order$`},
		{echotest.ReordersDatagrams(), `^1000 sent: \d+ lost, 0 duplicated, 3\d\d out of order$`},
	} {
		t.Run(tt.fault.Name, func(t *testing.T) {
			t.Parallel()
			proxy := echotest.NewBrokenProxy(t, tt.fault, server.URL())
			wantDetail(t, runRule(t, proxy.URL(), "datagram/order-loss", check.Options{}), check.Pass, "", tt.detail)
		})
	}
}

func TestAFailedHandshakeIsOneError(t *testing.T) {
	t.Parallel()
	secure := echotest.NewTLSServer(t)
	for _, tt := range []struct {
		name, address string
		timeout       time.Duration
		want          string
	}{
		{"plain echo", serve(t).Address, 10 * time.Second, "tls handshake: "},
		{"unknown authority", secure.Addr(), 10 * time.Second, "certificate signed by unknown authority"},
		{"nothing comes", mutePort(t), 2 * time.Second, "tls handshake: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := check.Run(t.Context(), check.Target{Network: "tls", Address: tt.address}, check.Options{Timeout: tt.timeout})
			var unreachable *check.UnreachableError
			if !errors.As(err, &unreachable) || unreachable.Class != check.TLS || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an UnreachableError of class tls with %q", err, tt.want)
			}
		})
	}
}

// mutePort returns the address of a listener that accepts nothing: connections stay in
// its backlog.
func mutePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func dropsFrom(size int) echotest.ProxyFault {
	return echotest.ProxyFault{Name: fmt.Sprintf("drops %d bytes and more", size), Network: "udp", Path: echotest.Path{
		Faults: []echotest.PathFault{{MinSize: size, Do: echotest.Drop}},
	}}
}

func TestExactSaysWhichSizesAreLost(t *testing.T) {
	t.Parallel()
	server := echotest.NewUDPServer(t)
	for _, tt := range []struct {
		fault         echotest.ProxyFault
		detail, cause string
	}{
		{echotest.DropsShortFragments(), `^datagrams of 1473–1475 B never came back \(\d+ sent\); of all other sizes, \d`, "too short for the ports"},
		{echotest.DropsLongPackets(), `^datagrams of 1400–1472 B never came back`, "an MTU black hole"},
		{dropsFrom(60_000), `^datagrams of 65507 B never came back \(12 sent\)`, "a limit on the size"},
		{echotest.DropsLargeDatagrams(), `^datagrams of 1473–65507 B never came back`, "fragments dropped on the path"},
		{echotest.LosesLargeDatagrams(), `^of the datagrams of (204[89]|[3-9]\d\d\d).*–65507 B, \d.* % \(\d+ of \d+\) were lost; of all other sizes, \d`, "overflows with the fragments"},
	} {
		t.Run(tt.fault.Name, func(t *testing.T) {
			t.Parallel()
			proxy := echotest.NewBrokenProxy(t, tt.fault, server.URL())
			// The timeout leaves a busy machine time for all rounds. The seed decides the order,
			// and so what is lost by chance.
			got := runRule(t, proxy.URL(), "datagram/exact", check.Options{Timeout: 2 * check.DefaultTimeout, Seed: 1})
			wantDetail(t, got, check.Fail, check.Silent, tt.detail)
			if !strings.Contains(got.Cause, tt.cause) {
				t.Errorf("got the cause %q, want %q", got.Cause, tt.cause)
			}
		})
	}
}

func TestAStreamThatIsClosedWhileItIsSilentIsNotABanner(t *testing.T) {
	t.Parallel()
	proxy := echotest.NewRelay(t, echotest.Path{Faults: []echotest.PathFault{
		{On: echotest.OnIdle, After: time.Second, Do: echotest.Close},
	}}, echotest.NewServer(t).URL())
	got := runRule(t, proxy.URL(), "stream/no-unsolicited", check.Options{})
	wantDetail(t, got, check.Fail, check.PrematureEOF, `the server ended a stream that the client had not ended, after \d`)
	if strings.Contains(got.Meaning, "banner") {
		t.Errorf("got the meaning %q, want that of a stream that ended", got.Meaning)
	}
}
