package browser

import (
	"context"
	"math"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"echod/internal/page"
	"echod/internal/watch"
)

// mesh returns what a watch knows after ten minutes: addresses near and far, one that
// loses probes, one that is down, one that is not known yet, and a name without addresses.
func mesh() watch.Snapshot {
	return watch.Snapshot{Targets: []watch.TargetSnapshot{
		{URL: "dns+tcp://echo.mesh.svc.cluster.local:7007", Addresses: []watch.AddressSnapshot{
			seen("10.42.0.17:7007", 230*time.Microsecond, 0, 0),
			seen("10.42.1.9:7007", 410*time.Microsecond, 0, 25),
			seen("[fd00:42:0:2::1f]:7007", 380*time.Microsecond, 0, 0)}},
		{URL: "tls://echo.example.net:443", Addresses: []watch.AddressSnapshot{seen("203.0.113.8:443", 14*time.Millisecond, 0, 0)}},
		{URL: "udp://198.51.100.4:7", Addresses: []watch.AddressSnapshot{seen("198.51.100.4:7", 28*time.Millisecond, 9, 0)}},
		{URL: "tcp://192.0.2.77:7", Addresses: []watch.AddressSnapshot{{Address: "192.0.2.77:7", Resolved: true}}},
		{URL: "dns+tcp://gone.example.net:7", Problem: "no such host"},
	}}
}

// seen returns an address with that round trip. Each bucket whose number is a multiple
// of loses has one lost probe, if loses is not 0. In the last gone buckets all probes are
// lost.
func seen(addr string, rtt time.Duration, loses, gone int) watch.AddressSnapshot {
	const buckets, each = 120, 5
	a := watch.AddressSnapshot{Address: addr, Resolved: true, Known: true, Up: gone == 0, Last: rtt, Recent: []time.Duration{rtt, rtt, 3 * rtt}}
	for i := range buckets {
		b := watch.Bucket{At: time.Now().Add(time.Duration(i-buckets) * watch.BucketSpan), Sent: each}
		slower := 1 + 0.3*math.Abs(math.Sin(float64(i)*1.7))
		if i > 40 && i < 60 {
			slower *= 3
		}
		if loses > 0 && i%loses == 0 {
			b.Lost = 1
		}
		b.Min, b.Max = time.Duration(float64(rtt)*slower), time.Duration(float64(rtt)*slower*2)
		b.Sum = time.Duration(float64(rtt)*slower*1.2) * time.Duration(b.Sent-b.Lost)
		if i >= buckets-gone {
			b.Lost, b.Min, b.Sum, b.Max = each, 0, 0, 0
			a.Class, a.Failed, a.Last = "refused", b.At, 0
		}
		for n := range b.Sent - b.Lost {
			b.Rows.Record(time.Duration(float64(b.Min) * (1 + math.Mod(float64(i*5+int(n))*0.37, 1))))
		}
		a.Sent, a.Received, a.History = a.Sent+each, a.Received+each-b.Lost, append(a.History, b)
	}
	return a
}

func TestMatrixIsReadableInEveryWindow(t *testing.T) {
	t.Parallel()
	p := page.New(page.Config{Name: "echod watch", Version: "(devel)", Watch: mesh})
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() { defer close(over); p.Run(ctx) }()
	server := httptest.NewServer(p)
	t.Cleanup(func() { server.Close(); stop(); <-over })
	tb := open(t, server.URL)
	tb.wait(`document.querySelectorAll(".strip .cursor").length === 6`)
	for _, l := range looks {
		tb.turn(l)
		checkLook(tb, l)
		tb.keep("watch-" + l.name)
	}
	// All probes to one address were lost, and none to the others.
	tb.do(chromedp.Focus(".address:nth-child(3) .cursor"), chromedp.KeyEvent(kb.End))
	tb.wait(`document.querySelector(".address:nth-child(3) .reading").textContent.trim() === "average – lost 100 %"`)
	tb.wait(`/^average \d+ µs lost 0 %$/.test(document.querySelector(".address:nth-child(2) .reading").textContent)`)
	tb.turn(desk)
	tb.keep("watch-reading")
}
