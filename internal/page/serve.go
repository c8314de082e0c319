package page

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"html/template"
	"io"
	"net/http"
	"strings"
	"time"
)

// The files of the page. It loads nothing from other servers.
var (
	//go:embed page/page.html
	pageHTML string
	//go:embed page/page.css
	pageCSS string
	//go:embed page/page.js
	pageJS string
	//go:embed page/page.svg
	pageSVG string
)

var pageTemplate = template.Must(template.New("page").Funcs(functions).Parse(pageHTML))

// build changes when a file of the page does.
var build = func() string {
	sum := sha256.Sum256([]byte(pageHTML + pageCSS + pageJS + traceHTML + traceCSS))
	return hex.EncodeToString(sum[:8])
}()

// policy lets the page use its own script, style and server, and nothing else (Content
// Security Policy Level 3).
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// routes registers all paths of the page.
func (p *Page) routes() {
	for path, file := range map[string]struct{ kind, text string }{
		"/page.css": {"text/css; charset=utf-8", pageCSS},
		"/page.js":  {"text/javascript; charset=utf-8", pageJS},
		"/page.svg": {"image/svg+xml", pageSVG},
	} {
		p.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			head(w, file.kind)
			io.WriteString(w, file.text)
		})
	}
	p.mux.HandleFunc("GET /{$}", p.answer("text/html; charset=utf-8", func(d *drawing) []byte { return d.html }))
	p.mux.HandleFunc("GET /state.json", p.answer("application/json", func(d *drawing) []byte { return d.json }))
}

func head(w http.ResponseWriter, kind string) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}

// drawing is the state of one second, which all clients get.
type drawing struct {
	at   time.Time
	html []byte
	json []byte

	peers *PeersState
}

func (p *Page) answer(kind string, part func(*drawing) []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		d, err := p.draw(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		head(w, kind)
		w.Write(part(d))
	}
}

// draw draws the newest sample, unless that is done.
func (p *Page) draw(ctx context.Context) (*drawing, error) {
	p.drawing.Lock()
	defer p.drawing.Unlock()
	if p.drawn != nil && p.drawn.at.Equal(p.sampled()) {
		return p.drawn, nil
	}
	state := p.state(context.WithoutCancel(ctx))
	text, err := json.Marshal(state)
	if err != nil {
		return nil, err
	}
	var html strings.Builder
	if err := pageTemplate.Execute(&html, state.view(build)); err != nil {
		return nil, err
	}
	p.drawn = &drawing{state.At, []byte(html.String()), append(text, '\n'), state.Peers}
	return p.drawn, nil
}
