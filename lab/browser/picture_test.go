package browser

import (
	"bytes"
	"context"
	"flag"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

var (
	pictures = flag.String("pictures", "", "write the pictures of the documentation to this directory")
	posing   = flag.Duration("posing", 10*time.Minute, "how long the load runs before a picture is made")
)

// TestPictureOfServe makes docs/page.png.
func TestPictureOfServe(t *testing.T) {
	if *pictures == "" {
		t.Skip("it takes minutes: run it with -pictures DIR")
	}
	t.Parallel()
	e := start(t, 3, "serve", "--listen", "tcp://127.0.0.1:8080", "--listen", "udp://127.0.0.1:8080", "--listen", "unix:///tmp/echo.sock", "--admin", "127.0.0.1:0")
	tb := open(t, e.Admin)
	tb.turn(look{"picture", 1280, 1210, "light"})
	ctx, stop := context.WithTimeout(t.Context(), *posing)
	defer stop()
	var load sync.WaitGroup
	defer load.Wait()
	for i := range 40 {
		load.Go(func() {
			for pause(ctx, seconds(rand.IntN(40))) {
				visit, leave := context.WithTimeout(ctx, seconds(20+rand.IntN(200)))
				conn := dial(t, e.URLs[0])
				talk(visit, conn, 2000*(i+1), time.Duration(20+7*i)*time.Millisecond)
				conn.Close()
				leave()
			}
		})
	}
	load.Go(func() { talk(ctx, dial(t, e.URLs[1]), 600, 4*time.Millisecond) })
	load.Go(func() { talk(ctx, dial(t, e.URLs[2]), 9000, 50*time.Millisecond) })
	load.Go(func() { comeAndGo(ctx, t, address(e.URLs[0])) })
	for _, after := range []time.Duration{*posing / 3, *posing * 9 / 10} {
		load.Go(func() {
			if pause(ctx, after) {
				conn := dial(t, e.URLs[0])
				context.AfterFunc(ctx, func() { conn.Close() })
				conn.Write(make([]byte, 16<<20)) // and never reads
			}
		})
	}
	<-ctx.Done()
	tb.picture("page")
}

// talk sends messages of up to size bytes and receives them again. Its rate changes over
// some minutes.
func talk(ctx context.Context, conn net.Conn, size int, pace time.Duration) {
	message := make([]byte, size)
	for began := time.Now(); ; {
		phase := time.Since(began).Minutes()
		slower := 1.6 + math.Sin(phase*1.9)
		if math.Mod(phase, 6) > 5.6 {
			slower *= 6
		}
		if !pause(ctx, time.Duration(float64(pace)*slower)) {
			return
		}
		n, err := conn.Write(message[:1+rand.IntN(size)])
		if err != nil {
			return
		}
		if _, err := io.ReadAtLeast(conn, message, n); err != nil {
			return
		}
	}
}

// comeAndGo connects, sends some bytes and closes, sometimes with a reset.
func comeAndGo(ctx context.Context, t *testing.T, address string) {
	for pause(ctx, time.Duration(50+rand.IntN(300))*time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Error(err)
			return
		}
		conn.Write(make([]byte, 5000))
		if rand.IntN(20) == 0 {
			conn.(*net.TCPConn).SetLinger(0)
		} else {
			conn.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, conn)
		}
		conn.Close()
	}
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// pause waits for d. It reports false if ctx ends before.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// picture writes a picture of the window with few colours, which makes a small file.
func (tb *tab) picture(name string) {
	tb.t.Helper()
	shot := get(tb, func(ctx context.Context, t *chromedp.Target) ([]byte, error) {
		r, err := cdp.Call(ctx, t, page.CaptureScreenshot, page.CaptureScreenshotParams{})
		return r.Data, err
	})
	full, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		tb.t.Fatal(err)
	}
	few := image.NewPaletted(full.Bounds(), commonest(full, 256))
	draw.Draw(few, few.Bounds(), full, image.Point{}, draw.Src)
	file, err := os.Create(filepath.Join(*pictures, name+".png"))
	if err != nil {
		tb.t.Fatal(err)
	}
	defer file.Close()
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(file, few); err != nil {
		tb.t.Fatal(err)
	}
}

// commonest returns the n most frequent colours of a picture.
func commonest(picture image.Image, n int) color.Palette {
	times := map[color.Color]int{}
	for y := range picture.Bounds().Dy() {
		for x := range picture.Bounds().Dx() {
			times[picture.At(x, y)]++
		}
	}
	var all color.Palette
	for c := range times {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b color.Color) int { return times[b] - times[a] })
	return all[:min(n, len(all))]
}
