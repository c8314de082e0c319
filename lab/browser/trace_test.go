package browser

import (
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// traceOf opens the page of the life of the only connection to e, which must have moved bytes.
func traceOf(t *testing.T, e *echod, conn net.Conn) *tab {
	t.Helper()
	tb := open(t, e.Admin)
	link := fmt.Sprintf(`[...document.querySelectorAll("a")].find(a => a.textContent === %q)`, conn.LocalAddr())
	tb.follow(link)
	return tb
}

// follow opens the page of a link to the life of a connection, as soon as there is the link.
func (tb *tab) follow(link string) {
	tb.t.Helper()
	tb.wait(`!!` + link)
	tb.do(chromedp.Navigate(ask[string](tb, link+`.href`)))
	tb.wait(`document.querySelectorAll(".step").length > 0`)
}

func TestLifeOfAConnectionIsShownWhileItHappens(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"epoll", "net"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			e := start(t, 1, "serve", "--listen", "tcp://127.0.0.1:0?engine="+engine, "--admin", "127.0.0.1:0")
			conn := dial(t, e.URLs[0])
			say := func(text string) {
				conn.Write([]byte(text))
				if _, err := io.ReadFull(conn, make([]byte, len(text))); err != nil {
					t.Fatal(err)
				}
			}
			say("before")
			tb := traceOf(t, e, conn)
			tb.wait(`/the trace begins here, .* after accept/.test(document.querySelector(".steps").textContent)`)
			say("while it is watched")
			tb.wait(`document.querySelector(".steps").textContent.includes('"while it is')`)
			tb.wait(`document.querySelector("svg.seq").textContent.includes("all is sent: nothing is owed")`)
			for _, l := range looks {
				tb.turn(l)
				checkLook(tb, l)
				tb.keep("trace-" + engine + "-" + l.name)
			}
			conn.(*net.TCPConn).CloseWrite()
			tb.wait(`document.body.innerText.includes("The connection has ended.")`)
			tb.wait(`document.querySelector("[role=status]").textContent.startsWith("finished, ")`)
			tb.turn(desk)
			tb.keep("trace-" + engine + "-ended")
		})
	}
}

func TestTraceOfAStalledReader(t *testing.T) {
	t.Parallel()
	e := start(t, 1, "serve", "--listen", "tcp://127.0.0.1:0", "--admin", "127.0.0.1:0")
	conn := dial(t, e.URLs[0])
	go conn.Write(make([]byte, 64<<20))
	tb := open(t, e.Admin)
	stalled := `[...document.querySelectorAll("section")].find(s => s.querySelector("h2").textContent === "Stalled readers")?.querySelector("a")`
	tb.follow(stalled)
	tb.wait(`/out \d+/.test(document.querySelector(".step .held")?.textContent)`)
	tb.turn(desk)
	tb.keep("trace-stalled")
	conn.Close()
	tb.wait(`document.body.innerText.includes("reset by the peer, ")`)
	checkLook(tb, desk)
	tb.keep("trace-peer-left")
}

func TestTraceOfABusyConnectionIsBounded(t *testing.T) {
	t.Parallel()
	e := start(t, 1, "serve", "--listen", "tcp://127.0.0.1:0", "--admin", "127.0.0.1:0")
	bench := exec.Command(binary, "bench", "--conns", "1", "--rate", "20000/s", "--duration", "1m", e.URLs[0])
	if err := bench.Start(); err != nil {
		t.Fatal(err)
	}
	defer bench.Wait()
	defer bench.Process.Kill()
	tb := open(t, e.Admin)
	tb.follow(`document.querySelector("section a")`)
	tb.wait(`/\d{3,} steps are not kept: \d+ bytes received/.test(document.querySelector(".steps").textContent)`)
	if n := ask[int](tb, `document.querySelectorAll(".step").length`); n > 48 {
		t.Errorf("got %d steps, want at most 48", n)
	}
	for _, l := range []look{desk, phone} {
		tb.turn(l)
		checkLook(tb, l)
		tb.keep("trace-burst-" + l.name)
	}
}

func TestTraceOfNoConnection(t *testing.T) {
	t.Parallel()
	e := start(t, 1, "serve", "--listen", "tcp://127.0.0.1:0", "--admin", "127.0.0.1:0")
	tb := open(t, strings.TrimSuffix(e.Admin, "/")+"/trace?conn=1")
	tb.wait(`document.body.innerText.includes("This connection is not open. It may have ended.")`)
}
