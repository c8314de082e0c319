package page

import (
	_ "embed"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"echod/internal/sequence"
)

//go:embed page/trace.html
var traceHTML string

//go:embed page/trace.css
var traceCSS string

var traceTemplate = template.Must(template.Must(pageTemplate.Clone()).New("trace").Parse(traceHTML))

// traceView is the input of the template.
type traceView struct {
	Name, Build string
	At          time.Time
	Peers       *PeersState
	Chosen      string // the ID of the connection, "" if none is chosen
	Trace       *TraceState
	Problem     string
	Picture     template.HTML
	PerSecond   int
}

// traceRoutes registers the paths of the traces, if there are any.
func (p *Page) traceRoutes() {
	if p.config.Trace == nil {
		return
	}
	p.traces = &traces{begin: p.config.Trace, payload: p.config.TracePayload, open: map[uint64]*traced{}}
	p.mux.HandleFunc("GET /trace", p.serveTrace)
	p.mux.HandleFunc("GET /trace.css", func(w http.ResponseWriter, _ *http.Request) {
		head(w, "text/css; charset=utf-8")
		w.Write([]byte(sequence.Style + traceCSS))
	})
}

// serveTrace draws the life of the connection with the ID conn, and the connections to choose from.
// It is what begins a trace, and what keeps it.
func (p *Page) serveTrace(w http.ResponseWriter, r *http.Request) {
	v := traceView{Name: p.config.Name, Build: build, At: time.Now(), Chosen: r.URL.Query().Get("conn"), PerSecond: stepsPerSecond}
	if v.Chosen != "" {
		id, err := strconv.ParseUint(v.Chosen, 10, 64)
		if err != nil {
			http.Error(w, "conn="+strconv.Quote(v.Chosen)+": want the id of a connection in /state.json, a number", http.StatusBadRequest)
			return
		}
		if one, err := p.traces.look(r.Context(), id); err != nil {
			v.Problem = traceProblem(err)
		} else if v.Trace = one.now(); v.Trace != nil {
			v.Picture = template.HTML(v.Trace.SVG())
		}
	}
	d, err := p.draw(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	v.Peers = d.peers
	var html strings.Builder
	if err := traceTemplate.Execute(&html, v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	head(w, "text/html; charset=utf-8")
	w.Write([]byte(html.String()))
}
