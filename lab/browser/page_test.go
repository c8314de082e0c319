package browser

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"echod/internal/engine"
	"echod/internal/page"
	"echod/internal/server"
)

// JavaScript expressions about the page.
const (
	// value is the value of a line in the legend of a plot.
	value = `[...document.querySelectorAll("figure")].find(f => f.querySelector("h2").textContent === %q)` +
		`.querySelectorAll(".legend output")[%d].textContent`
	overflow = `document.documentElement.scrollWidth - document.documentElement.clientWidth`
)

// serve starts echod with a TCP and a UDP listener.
func serve(t *testing.T) *echod {
	return start(t, 2, "serve", "--listen", "tcp://127.0.0.1:0", "--listen", "udp://127.0.0.1:0", "--admin", "127.0.0.1:0")
}

// ticks sends a value every 5 ms until the end of the test.
func ticks(t *testing.T) <-chan struct{} {
	ticker, again, stop := time.NewTicker(5*time.Millisecond), make(chan struct{}), make(chan struct{})
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer close(again)
		for {
			select {
			case <-ticker.C:
			case <-stop:
				return
			}
			select {
			case again <- struct{}{}:
			case <-stop:
				return
			}
		}
	}()
	t.Cleanup(func() { ticker.Stop(); close(stop); <-over })
	return again
}

func TestLoadIsShown(t *testing.T) {
	t.Parallel()
	e := serve(t)
	tb := open(t, e.Admin)
	tb.wait(fmt.Sprintf(value+` === "0"`, "Connections", 0))
	again := ticks(t)
	for range 5 {
		echo(dial(t, e.URLs[0]), 20000, again)
	}
	echo(dial(t, e.URLs[1]), 1000, again)
	silent := dial(t, e.URLs[0])
	tb.wait(fmt.Sprintf(value+` === "6"`, "Connections", 0))
	tb.wait(fmt.Sprintf(`/[KM]iB.s/.test(`+value+`)`, "Throughput", 0))
	tb.wait(fmt.Sprintf(`/[1-9].*\/s/.test(`+value+`)`, "Datagrams", 1))
	// A line of at least three seconds that is not at the bottom.
	tb.wait(`/M\d+ \d+(l1-?\d+ ?|l1 \d+){3}/.test(document.querySelector("figure .axes path.c0").getAttribute("d"))`)
	tb.wait(fmt.Sprintf(`document.body.innerText.includes(%q)`, silent.LocalAddr()))
	for _, l := range looks {
		tb.turn(l)
		checkLook(tb, l)
		tb.keep("serve-" + l.name)
	}
}

// checkLook checks that the page fits its window, has enough contrast and no animations.
func checkLook(tb *tab, l look) {
	tb.t.Helper()
	if wide := ask[int](tb, overflow); wide != 0 {
		tb.t.Errorf("%s: the page is %d pixels wider than its window", l.name, wide)
	}
	if faint := ask[[]string](tb, contrast); len(faint) > 0 {
		tb.t.Errorf("%s: not enough contrast: %s", l.name, strings.Join(faint, ", "))
	}
	if clash := ask[[]string](tb, overlaps); len(clash) > 0 {
		tb.t.Errorf("%s: texts overlap, or are cut: %s", l.name, strings.Join(clash, "; "))
	}
	if moving := ask[int](tb, `document.getAnimations().length`); moving != 0 {
		tb.t.Errorf("%s: %d animations", l.name, moving)
	}
}

// contrast finds texts with less contrast than WCAG 2.2, 1.4.3 requires.
const contrast = `(() => {
	const channels = colour => colour.match(/[\d.]+/g).slice(0, 3).map(Number);
	const luminance = colour => {
		const [r, g, b] = channels(colour).map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const behind = element => {
		for (; element; element = element.parentElement) {
			const colour = getComputedStyle(element).backgroundColor;
			if (!/, 0\)|transparent/.test(colour)) return colour;
		}
		return "rgb(255, 255, 255)";
	};
	const faint = [];
	for (const element of document.querySelectorAll("body *")) {
		if (element.tagName === "title") continue; // a tooltip, which the browser draws
		if (![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue;
		const style = getComputedStyle(element);
		const a = luminance(element instanceof SVGElement ? style.fill : style.color), b = luminance(behind(element));
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (ratio < 4.5) faint.push(element.textContent.trim() + " " + ratio.toFixed(2));
	}
	return faint;
})()`

// overlaps finds visible texts of a chart that overlap each other, and those that leave the window.
const overlaps = `(() => {
	const clash = [];
	for (const chart of document.querySelectorAll("svg.chart, svg.axes")) {
		const texts = [...chart.querySelectorAll("text")].filter(text => text.textContent.trim() && text.getBBox().width > 0);
		const boxes = texts.map(text => text.getBoundingClientRect());
		texts.forEach((text, i) => {
			if (boxes[i].left < 0 || boxes[i].right > document.documentElement.clientWidth) clash.push(text.textContent + " is cut");
			for (let j = 0; j < i; j++) {
				const wide = Math.min(boxes[i].right, boxes[j].right) - Math.max(boxes[i].left, boxes[j].left);
				const high = Math.min(boxes[i].bottom, boxes[j].bottom) - Math.max(boxes[i].top, boxes[j].top);
				if (wide > 1 && high > 3) clash.push(text.textContent + " and " + texts[j].textContent);
			}
		});
	}
	return clash;
})()`

func TestStalledReadersAreShown(t *testing.T) {
	t.Parallel()
	e := serve(t)
	tb := open(t, e.Admin)
	conn := dial(t, e.URLs[0])
	over := make(chan struct{})
	go func() {
		defer close(over)
		conn.Write(make([]byte, 64<<20)) // until the test ends
	}()
	t.Cleanup(func() { conn.Close(); <-over })
	row := fmt.Sprintf(`[...document.querySelectorAll("section")].find(s => s.textContent.includes("Stalled readers")).innerText.includes(%q)`, conn.LocalAddr())
	tb.wait(row)
	go io.Copy(io.Discard, conn)
	tb.wait("!" + row)
}

func TestDrainIsShown(t *testing.T) {
	t.Parallel()
	e := start(t, 1, "serve", "--listen", "tcp://127.0.0.1:0", "--admin", "127.77.0.1:0")
	tb := open(t, e.Admin)
	conn := dial(t, e.URLs[0])
	tb.wait(fmt.Sprintf(value+` === "1"`, "Connections", 0))
	tb.wait(`document.querySelector(".state").textContent === "serving"`)
	e.drain()
	tb.wait(`/^draining since \d\d:\d\d:\d\d UTC$/.test(document.querySelector(".state").textContent) && document.title.startsWith("draining")`)
	tb.wait(`document.querySelectorAll("figure line.mark").length === document.querySelectorAll("figure").length`)
	tb.keep("serve-draining")

	conn.Close()
	<-e.ended
	tb.wait(`!notice.hidden && notice.textContent.startsWith("No answer from the server since")`)
	if text := ask[string](tb, `document.querySelector(".state").textContent`); !strings.HasPrefix(text, "draining") {
		t.Errorf("without an answer the page shows %q, want the last state", text)
	}
	tb.turn(phone)
	checkLook(tb, phone)
	tb.keep("serve-gone")

	start(t, 1, "serve", "--listen", "tcp://127.0.0.1:0", "--admin", host(t, e.Admin))
	tb.wait(`notice.hidden && document.querySelector(".state").textContent === "serving"`)
	tb.forgive("Failed to load resource", "net::ERR")
}

func TestValuesUnderTheCursorAreShown(t *testing.T) {
	t.Parallel()
	e := serve(t)
	tb := open(t, e.Admin)
	again := ticks(t)
	echo(dial(t, e.URLs[0]), 20000, again)
	echo(dial(t, e.URLs[1]), 1000, again)
	tb.wait(fmt.Sprintf(`/[KM]iB.s/.test(`+value+`)`, "Throughput", 0))
	tb.turn(desk)

	// The script writes the current value of each line as the server does.
	tb.do(chromedp.Focus(".cursor"), chromedp.KeyEvent(kb.End))
	tb.wait(`[...document.querySelectorAll("figcaption .when")].every(w => /^\d\d:\d\d:\d\d UTC, 0 min 0 s ago$/.test(w.textContent))`)
	for range 3 {
		if differ := ask[[]string](tb, `[...document.querySelectorAll(".legend output")].filter(o => o.textContent !== o.dataset.now).map(o => o.textContent + " and " + o.dataset.now)`); len(differ) > 0 {
			t.Errorf("script and server differ: %s", strings.Join(differ, ", "))
		}
		tb.wait(fmt.Sprintf(`document.body.dataset.at !== %q`, ask[string](tb, `document.body.dataset.at`)))
	}
	tb.do(chromedp.KeyEvent(kb.ArrowLeft), chromedp.KeyEvent(kb.ArrowLeft))
	tb.wait(`document.activeElement.getAttribute("aria-valuetext").includes("0 min 2 s ago, ")`)
	tb.do(chromedp.KeyEvent(kb.Home))
	tb.wait(fmt.Sprintf(value+` === "–"`, "Throughput", 0)) // the first sample is no rate
	tb.do(chromedp.KeyEvent(kb.Escape))
	tb.wait(fmt.Sprintf(`/[KM]iB.s/.test(`+value+`)`, "Throughput", 0))

	box := ask[[]float64](tb, `(b => [b.left, b.top, b.width, b.height])(document.querySelector(".cursor").getBoundingClientRect())`)
	tb.do(chromedp.MouseEvent("mouseMoved", box[0]+box[2]/2, box[1]+box[3]/2))
	// The middle of the plot is half as old as the page.
	tb.wait(`[...document.querySelectorAll("figcaption .when")].every(w => {
		const [, minutes, seconds] = /(\d+) min (\d+) s ago$/.exec(w.textContent) ?? [];
		return Math.abs(60 * minutes + 1 * seconds - document.body.dataset.window / 2) <= 3;
	})`)
	tb.keep("serve-reading")
	tb.do(chromedp.MouseEvent("mouseMoved", 1, 1))
	tb.wait(`[...document.querySelectorAll("figcaption .when")].every(w => w.textContent === "")`)
}

// TestPlotsShowTheTimeThatThereIs has a page of some seconds, which grows.
func TestPlotsShowTheTimeThatThereIs(t *testing.T) {
	t.Parallel()
	e := serve(t)
	tb := open(t, e.Admin)
	const labels = `[...document.querySelectorAll("figure:first-child text.x")].map(text => text.textContent).join(" ")`
	tb.wait(labels + ` === "−10 s −8 −6 −4 −2 now"`)
	tb.wait(`document.body.dataset.window > 12 && ` + labels + ` === "−12 s −10 −8 −6 −4 −2 now"`)
	// The oldest sample is at the left, and the newest at the right.
	tb.wait(`(() => {
		const plot = document.querySelectorAll("figure .axes")[2].querySelector("svg");
		const line = plot.querySelector("path.c0").getBoundingClientRect();
		return Math.abs(line.left - plot.parentElement.getBoundingClientRect().left) < 8 && Math.abs(line.right - plot.parentElement.getBoundingClientRect().right) < 8;
	})()`)
	tb.do(chromedp.Focus(".cursor"), chromedp.KeyEvent(kb.Home))
	tb.wait(`document.querySelector(".cursor i").style.left === "0%"`)
	tb.do(chromedp.KeyEvent(kb.Escape))
	for _, l := range []look{desk, phone, deskDark} {
		tb.turn(l)
		checkLook(tb, l)
		tb.keep("serve-young-" + l.name)
	}
}

// TestBurstIsCutOffWithItsValue has a second of much traffic among half a minute of little.
func TestBurstIsCutOffWithItsValue(t *testing.T) {
	t.Parallel()
	var sent atomic.Uint64
	steady := func() server.Snapshot {
		if n := sent.Add(1000); n == 15000 {
			sent.Add(4e8)
		}
		n := sent.Load()
		return server.Snapshot{Engines: []server.EngineSnapshot{{Stats: engine.Stats{BytesIn: n, BytesOut: n}}}}
	}
	p := page.New(page.Config{Name: "echod serve", Version: "(devel)", Serve: steady})
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() { defer close(over); p.Run(ctx) }()
	server := httptest.NewServer(p)
	t.Cleanup(func() { server.Close(); stop(); <-over })
	tb := open(t, server.URL)
	tb.wait(`/up to \d+ MiB.s ▲$/.test(document.querySelector("figure .peak")?.textContent)`)
	if top := ask[string](tb, `[...document.querySelectorAll("figure:first-child text.y")].at(-1).textContent`); !strings.HasSuffix(top, " KiB/s") {
		t.Errorf("the axis ends at %s, want some KiB/s", top)
	}
	for _, l := range looks {
		tb.turn(l)
		checkLook(tb, l)
		tb.keep("serve-burst-" + l.name)
	}
}

func TestPageWorksWithoutItsScript(t *testing.T) {
	t.Parallel()
	e := serve(t)
	dial(t, e.URLs[0])
	tb := open(t, e.Admin)
	tb.wait(fmt.Sprintf(value+` === "1"`, "Connections", 0))
	tb.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}), chromedp.Navigate(e.Admin))
	if got := ask[string](tb, fmt.Sprintf(value, "Connections", 0)); got != "1" {
		t.Errorf("without a script the page shows %s connections, want 1", got)
	}
	if ask[bool](tb, `document.querySelector(".cursor") !== null`) {
		t.Error("the script ran")
	}
}
