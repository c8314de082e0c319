package page

import (
	"context"
	"html/template"
	"net/http"
)

// Config is what a page shows, and whom it asks.
type Config struct {
	Name    string // what the process is, as in "echod serve"
	Version string

	// Sample is asked once a second; nil where there is only a Matrix.
	Sample func() Sample
	// Peers tells some of the streams: those that moved most, and those that
	// have waited longest, each once. It is asked at most once a second, and only
	// while somebody looks; nil where there are none to tell of.
	Peers func(ctx context.Context) ([]Peer, error)
	// Matrix is asked while somebody looks; nil but for a watch.
	Matrix func() *Matrix
}

// Page is an http.Handler. Its methods may be called from any goroutine.
type Page struct {
	config Config
	mux    *http.ServeMux
}

// New makes a page that shows what is now; [Page.Run] gives it a memory.
func New(config Config) *Page {
	p := &Page{config: config, mux: http.NewServeMux()}
	p.mux.HandleFunc("GET /{$}", p.serveHTML)
	return p
}

// ServeHTTP answers for the page at / and for what belongs to it.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// Run takes a sample each second until ctx ends.
func (p *Page) Run(ctx context.Context) { <-ctx.Done() }

var first = template.Must(template.New("page").Parse("<!DOCTYPE html>\n<title>{{.Name}}</title>\n<h1>{{.Name}} {{.Version}}</h1>\n"))

func (p *Page) serveHTML(w http.ResponseWriter, _ *http.Request) {
	first.Execute(w, p.config)
}
