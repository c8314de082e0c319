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

// copyAndFinish forwards the bytes of one direction, and then its end.
func copyAndFinish(dst, src *net.TCPConn) {
	io.Copy(dst, src)
	dst.CloseWrite()
}

// copyAndClose closes both directions when one ends. It forwards blocks of 16 bytes, and
// what remains only then, so that no reply to that can be faster than the end.
func copyAndClose(dst, src *net.TCPConn) {
	block := make([]byte, 16)
	n, err := io.ReadFull(src, block)
	for ; err == nil; n, err = io.ReadFull(src, block) {
		dst.Write(block)
	}
	src.Close()
	dst.Write(block[:n])
	dst.Close()
}

// through returns a dial function for a proxy in front of an honest echo.
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

// passes runs a test as go test does, and discards its output.
func passes(test func(*testing.T)) bool {
	stdout := os.Stdout
	defer func() { os.Stdout = stdout }()
	os.Stdout = nil // a write to it returns an error, which testing ignores
	all := func(pattern, name string) (bool, error) { return true, nil }
	return testing.RunTests(all, []testing.InternalTest{{Name: "TestProxy", F: test}})
}

// The test of a proxy is one line, and a function that connects through the proxy. This
// example tests two proxies: one forwards each FIN and continues with the other
// direction, and one closes both directions at a FIN.
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
