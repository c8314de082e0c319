package check_test

import (
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"

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
		t.Skip(err)
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
