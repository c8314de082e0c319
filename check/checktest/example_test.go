package checktest_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"testing"

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

// copyAndClose takes the end of one direction for the end of both. The bytes
// before it are passed on only then, so that no reply is ever quicker.
func copyAndClose(dst, src *net.TCPConn) {
	all, _ := io.ReadAll(src)
	src.Close()
	dst.Write(all)
	dst.Close()
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

// passes runs a test as go test does, and throws away what it says.
func passes(test func(*testing.T)) bool {
	stdout := os.Stdout
	defer func() { os.Stdout = stdout }()
	os.Stdout = nil // writing to it is an error that nobody sees
	all := func(pattern, name string) (bool, error) { return true, nil }
	return testing.RunTests(all, []testing.InternalTest{{Name: "TestProxy", F: test}})
}

// A test of one's own proxy is one line, once there is a function that connects
// through it. Here it is run on two proxies: one passes on each FIN and goes on
// with the other direction, one takes a FIN for the end of both.
func ExampleRun() {
	for _, copyOne := range []func(dst, src *net.TCPConn){copyAndFinish, copyAndClose} {
		TestProxy := func(t *testing.T) {
			checktest.Run(t, through(t, copyOne), checktest.Only("stream/half-close", "stream/fin-only"))
		}
		fmt.Println(passes(TestProxy))
	}
	// Output:
	// true
	// false
}
