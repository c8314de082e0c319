package check_test

import (
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"echod/check"
	"echod/echotest"
)

// silentAddress makes addr, an address of the loopback, answer no connect to port: the accept
// queue of a socket there is full (listen(2)).
func silentAddress(t *testing.T, addr [4]byte, port int) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: addr}); err != nil {
		skip(t, "%v", err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", net.JoinHostPort(net.IP(addr[:]).String(), strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
}

// The fallback of a client hides an address that does not answer.
func TestAnAddressThatDoesNotAnswerIsNoted(t *testing.T) {
	t.Parallel()
	target, port := named(parse(t, echotest.NewServer(t).URL()))
	number, _ := strconv.Atoi(port)
	silentAddress(t, [4]byte{127, 0, 0, 3}, number)
	report, err := check.Run(resolving(t.Context(), "127.0.0.3", "127.0.0.1"), target, check.Options{Rules: []string{"stream/fin-only"}})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	report.WriteText(&text, false)
	want := "\n127.0.0.3:" + port + " does not answer connects (timeout): clients that try it first wait\n"
	if !strings.Contains(text.String(), want) {
		t.Errorf("got\n%s\nwant %q in it", &text, want)
	}
}

// The server sends everything back after the client's FIN. The connect to its other address takes
// as long as the first exchange.
func TestAnAddressThatDoesNotAnswerTakesNoTimeFromTheOther(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				all, _ := io.ReadAll(c)
				c.Write(all)
			}()
		}
	}()
	port := l.Addr().(*net.TCPAddr).Port
	silentAddress(t, [4]byte{127, 0, 0, 3}, port)
	target, _ := named(parse(t, "tcp://"+l.Addr().String()))
	report, err := check.Identify(resolving(t.Context(), "127.0.0.1", "127.0.0.3"), target, check.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if report.NotEcho != nil || len(report.Addresses) != 2 || report.Addresses[1].Class != check.Timeout {
		t.Errorf("got %+v and the addresses %v, want an echo, and an address that does not answer", report.NotEcho, report.Addresses)
	}
}
