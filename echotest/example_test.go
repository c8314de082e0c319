package echotest_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"echod/echotest"
)

// echoOnce is the code under test: it sends a message, closes its direction of the
// connection, and reads the answer.
func echoOnce(address, message string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(conn, message); err != nil {
		return err
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return err
	}
	if string(answer) != message {
		return errors.New("the answer is not what was sent")
	}
	return nil
}

// testEchoOnce is a test of echoOnce. In your test file its name is TestEchoOnce.
func testEchoOnce(t *testing.T) {
	server := echotest.NewServer(t)
	if err := echoOnce(server.Addr(), "hello"); err != nil {
		t.Errorf("honest server: %v", err)
	}
	proxy := echotest.NewProxy(t, server.URL())
	if err := echoOnce(proxy.Addr(), "hello"); err != nil {
		t.Errorf("honest proxy: %v", err)
	}
	broken := echotest.NewBroken(t, echotest.DropsLastBytes())
	if err := echoOnce(broken.Addr(), "hello"); err == nil {
		t.Error("a server that drops the last bytes: got no error")
	}
	reset := echotest.NewBrokenProxy(t, echotest.TurnsFINIntoReset(), server.URL())
	if err := echoOnce(reset.Addr(), "hello"); err == nil {
		t.Error("a proxy that turns a FIN into a reset: got no error")
	}
}

// A test starts an honest server and an honest proxy, and then broken ones: the code
// under test must detect each fault.
func Example() {
	_ = testEchoOnce // go test calls func TestEchoOnce(t *testing.T)
}
