package checktest_test

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"echod/check"
	"echod/check/checktest"
	"echod/echotest"
)

// proxy is the program under test: it forwards each connection to upstream.
type proxy struct {
	net.Listener
	upstream string
	copyOne  func(dst, src *net.TCPConn)
}

func (p *proxy) serve() {
	for {
		client, err := p.Accept()
		if err != nil {
			return
		}
		go p.forward(client.(*net.TCPConn))
	}
}

func (p *proxy) forward(client *net.TCPConn) {
	defer client.Close()
	c, err := net.Dial("tcp", p.upstream)
	if err != nil {
		return
	}
	server := c.(*net.TCPConn)
	defer server.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.copyOne(server, client)
	}()
	p.copyOne(client, server)
	<-done
}

// copyAndFinish passes on the bytes of one direction, and then its end.
func copyAndFinish(dst, src *net.TCPConn) {
	io.Copy(dst, src)
	dst.CloseWrite()
}

// copyAndClose takes the end of one direction for the end of both.
func copyAndClose(dst, src *net.TCPConn) {
	io.Copy(dst, src)
	dst.Close()
	src.Close()
}

// through is a dial function for a proxy in front of an honest echo.
func through(t *testing.T, copyOne func(dst, src *net.TCPConn)) func(context.Context) (net.Conn, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &proxy{l, echotest.NewServer(t).Addr(), copyOne}
	go p.serve()
	return func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	}
}

// short has the rules that wait wait less.
func short(o *check.Options) { o.Bulk, o.Stall = 4<<20, time.Second }

// A proxy of twenty lines keeps every rule, if it passes on each FIN and does
// not close before both directions are done.
func TestProxy(t *testing.T) {
	checktest.Run(t, through(t, copyAndFinish), short)
}

// A test of one's own proxy is one line, once there is a function that connects
// through it.
func ExampleRun() {
	_ = func(t *testing.T) { // TestProxy
		checktest.Run(t, through(t, copyAndFinish), checktest.Skip("stream/idle"))
	}
	// Output:
}

// broken is set in the process that shows what a failure looks like.
const broken = "CHECKTEST_BROKEN"

func TestBrokenProxyForItself(t *testing.T) {
	if os.Getenv(broken) == "" {
		t.Skip("it is run, and fails, in a process of its own: see TestFailureOfARuleIsExplained")
	}
	checktest.Run(t, through(t, copyAndClose), checktest.Only("stream/half-close", "stream/fin-only", "stream/idle"), short)
}

func TestFailureOfARuleIsExplained(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestBrokenProxyForItself$", "-test.v")
	cmd.Env = append(os.Environ(), broken+"=1")
	text, err := cmd.CombinedOutput()
	if err == nil {
		t.Error("a proxy that closes both directions at one FIN passed")
	}
	for _, want := range []string{
		"--- FAIL: TestBrokenProxyForItself/stream/half-close ",
		"--- PASS: TestBrokenProxyForItself/stream/fin-only ",
		"--- SKIP: TestBrokenProxyForItself/stream/idle ",
		"stream/half-close: premature-eof",
		"means   The reply to a client that has finished sending is lost",
		"cause   a proxy or tunnel that takes the client's FIN for the end of both directions",
		"remedy  ",
		"needs --long",
		"seed    ",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("missing: %s", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", text)
	}
}
