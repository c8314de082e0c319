// Package browser tests the live page of a running echod in headless Chromium. It is a
// module of its own, so echod does not depend on its dependencies.
package browser

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// timeout is the longest wait, for slow machines.
const timeout = time.Minute

// chromium is the browser of all tests.
var chromium context.Context

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "echod-browser")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	if err := buildEchod(dir); err != nil {
		return fail(err)
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		return fail(fmt.Errorf("%w; Debian's package chromium has it", err))
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(filepath.Join(dir, "profile")), chromedp.WSURLReadTimeout(timeout))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // otherwise it refuses to run as root
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	var shut context.CancelFunc
	chromium, shut = chromedp.NewContext(allocator)
	defer shut()
	if err := chromedp.Do(chromium); err != nil {
		return fail(fmt.Errorf("start chromium: %w", err))
	}
	return m.Run()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// tab is an open page.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	complaints []string // errors and other output of the console
}

// open opens a page. The browser must report no errors until the end of the test, except
// those that forgive removes.
func open(t *testing.T, page string) *tab {
	t.Helper()
	ctx, shut := chromedp.NewContext(chromium)
	tb := &tab{t: t, ctx: ctx}
	t.Cleanup(shut)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, tb.listen); err != nil {
		t.Fatal(err)
	}
	tb.do(chromedp.Navigate(page))
	t.Cleanup(func() {
		for _, text := range tb.reported() {
			t.Errorf("the browser reports: %s", text)
		}
	})
	return tb
}

// listen collects the errors that the browser reports.
func (tb *tab) listen(event any) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		tb.complaints = append(tb.complaints, (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *runtime.EventConsoleAPICalled:
		tb.complaints = append(tb.complaints, fmt.Sprintf("console.%s %v", e.Type, e.Args))
	case *log.EventEntryAdded:
		tb.complaints = append(tb.complaints, fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
	}
}

func (tb *tab) reported() []string {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	return tb.complaints
}

// forgive removes errors that contain all words.
func (tb *tab) forgive(words ...string) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	var kept []string
	for _, text := range tb.complaints {
		for _, word := range words {
			if !strings.Contains(text, word) {
				kept = append(kept, text)
				break
			}
		}
	}
	tb.complaints = kept
}

func (tb *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	tb.t.Helper()
	get(tb, chromedp.Steps(actions...))
}

// get returns the result of an action.
func get[T any](tb *tab, action chromedp.Action[T]) T {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, timeout)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		tb.t.Fatal(err)
	}
	return v
}

// ask returns the value of an expression in JavaScript.
func ask[T any](tb *tab, expression string) T {
	tb.t.Helper()
	return get(tb, chromedp.Evaluate[T](expression))
}

// wait waits until an expression in JavaScript is true.
func (tb *tab) wait(expression string) {
	tb.t.Helper()
	poll := chromedp.Poll[bool](expression, chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(timeout))
	ctx, cancel := context.WithTimeout(tb.ctx, 2*timeout)
	defer cancel()
	if _, err := chromedp.Run(ctx, poll); err != nil {
		text, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
		tb.t.Fatalf("waited for %s: %v; the page says\n%s", expression, err, text)
	}
}

// look is the size and the colour scheme of a window.
type look struct {
	name          string
	width, height int64
	scheme        string // light or dark
}

var (
	desk      = look{"desk", 1280, 800, "light"}
	deskDark  = look{"desk-dark", 1280, 800, "dark"}
	phone     = look{"phone", 390, 844, "light"}
	phoneDark = look{"phone-dark", 390, 844, "dark"}
	small     = look{"small", 320, 640, "light"}
	paper     = look{"paper", 700, 990, "dark"} // A4 within its margins, without colours
	looks     = []look{desk, deskDark, phone, phoneDark, small, paper}
)

// turn sets the size and the colour scheme of the tab.
func (tb *tab) turn(l look) {
	tb.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}}}
	eyes := emulation.SetEmulatedVisionDeficiencyParams{Type: emulation.SetEmulatedVisionDeficiencyTypeNone}
	if l == paper {
		media.Media, eyes.Type = "print", emulation.SetEmulatedVisionDeficiencyTypeAchromatopsia
	}
	var options []chromedp.EmulateViewportOption
	if l.width < 600 {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	tb.do(chromedp.EmulateViewport(l.width, l.height, options...), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, emulation.SetEmulatedVisionDeficiency, eyes); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, media)
		return err
	}))
}

// keep writes a picture of the whole page to the directory ECHOD_ARTIFACTS, if it is set.
func (tb *tab) keep(name string) {
	tb.t.Helper()
	dir := os.Getenv("ECHOD_ARTIFACTS")
	if dir == "" {
		return
	}
	picture := get(tb, chromedp.FullScreenshot(100))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		tb.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o666); err != nil {
		tb.t.Fatal(err)
	}
}

// host returns the address in the URL of a page.
func host(t *testing.T, page string) string {
	t.Helper()
	u, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}
