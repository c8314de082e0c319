package admin

import (
	"net"
	"net/http"
	"strings"
	"testing"
)

// farListener is bound to an address that other machines can reach, as far as its Addr says.
type farListener struct{ net.Listener }

func (farListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 9462} }

func TestTracesAreServedOnlyToThisMachine(t *testing.T) {
	h := Handlers{Page: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("the page")) })}
	near := serve(t, Config{}, h, nil)
	if status, text, _ := ask(t, near, "GET /trace?conn=1 HTTP/1.1", "Host: localhost"); !near.IsLocal() || status != 200 || text != "the page" {
		t.Errorf("on loopback: got local %v, %d %s; want the page", near.IsLocal(), status, text)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	far := New(Config{}, farListener{ln}, "http://"+ln.Addr().String())
	served := make(chan error, 1)
	go func() { served <- far.Serve(h) }()
	defer func() { far.Shutdown(t.Context()); <-served }()
	for path, want := range map[string]int{"/trace?conn=1": 403, "/": 200} {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn.Write([]byte("GET " + path + " HTTP/1.0\r\nHost: localhost\r\n\r\n"))
		answer := make([]byte, 2000)
		n, _ := conn.Read(answer)
		conn.Close()
		if text := string(answer[:n]); far.IsLocal() || !strings.HasPrefix(text, "HTTP/1.0 "+map[int]string{403: "403", 200: "200"}[want]) ||
			want == 403 && !strings.HasSuffix(text, "it is served only if --admin is a loopback address\n") {
			t.Errorf("%s: got %q, want %d", path, text, want)
		}
	}
}
