package browser

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"
)

// TestPictureOfWatch makes docs/page-watch.png: a near echo service, one that stops and
// starts again, a path with a delay, and one that loses datagrams.
func TestPictureOfWatch(t *testing.T) {
	if *pictures == "" {
		t.Skip("it takes minutes: run it with -pictures DIR")
	}
	t.Parallel()
	ctx, stop := context.WithTimeout(t.Context(), *posing)
	defer stop()
	near := start(t, 3, "serve", "--listen", "tcp://127.0.0.1:0", "--listen", "udp://127.0.0.1:0", "--listen", "unix:///tmp/near.sock", "--admin", "127.0.0.1:0")
	mortal := start(t, 1, "serve", "--listen", "tcp://127.77.0.2:0", "--admin", "127.0.0.1:0")
	far := delayed(t, near.URLs[0], 12*time.Millisecond)
	lossy := losing(t, near.URLs[1], 40)
	w := start(t, 0, "watch", "dns+tcp://localhost:"+port(near.URLs[0]), near.URLs[2], mortal.URLs[0], far, lossy, "--admin", "127.0.0.1:0")
	tb := open(t, w.Admin)
	tb.turn(look{"picture", 1280, 620, "light"})
	pause(ctx, *posing*6/10)
	mortal.end()
	pause(ctx, *posing*2/10)
	start(t, 1, "serve", "--listen", mortal.URLs[0], "--admin", "127.0.0.1:0")
	pause(ctx, *posing)
	tb.picture("page-watch")
}

// port returns the part of a URL after the last colon.
func port(url string) string { return url[strings.LastIndexByte(url, ':')+1:] }

// delayed returns the URL of a path to url with a delay.
func delayed(t *testing.T, url string, delay time.Duration) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			onward, err := net.Dial("tcp", address(url))
			if err != nil {
				conn.Close()
				continue
			}
			go slowly(onward, conn, delay)
			go slowly(conn, onward, delay/3)
		}
	}()
	return "tcp://" + ln.Addr().String()
}

// slowly copies with a delay.
func slowly(to, from net.Conn, delay time.Duration) {
	defer to.Close()
	piece := make([]byte, 4096)
	for {
		n, err := from.Read(piece)
		if err != nil {
			return
		}
		time.Sleep(delay + time.Duration(rand.ExpFloat64()*float64(delay)/8))
		if _, err := to.Write(piece[:n]); err != nil {
			return
		}
	}
}

// losing returns the URL of a path to url that loses one datagram in that many.
func losing(t *testing.T, url string, one int) string {
	here, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	onward, err := net.Dial("udp", address(url))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { here.Close(); onward.Close() })
	go func() {
		datagram := make([]byte, 65536)
		for {
			n, from, err := here.ReadFrom(datagram)
			if err != nil {
				return
			}
			if rand.IntN(one) == 0 {
				continue
			}
			onward.Write(datagram[:n])
			if n, err = io.ReadAtLeast(onward, datagram, 1); err != nil {
				return
			}
			here.WriteTo(datagram[:n], from)
		}
	}()
	return "udp://" + here.LocalAddr().String()
}
