package admin

import (
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"slices"
	"strings"
)

// newHandler answers what there is an answer to. local says that it is reached by
// a unix socket, where no browser is.
func newHandler(cfg Config, a Answers, local bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) { ready(w, a.Ready) })
	if a.Metrics != nil {
		mux.Handle("/metrics", a.Metrics)
	}
	if cfg.Pprof {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	if a.Page != nil {
		mux.Handle("/", a.Page)
	}
	return guarded{next: mux, hosts: cfg.Hosts, local: local}
}

// ready answers 200 as long as the service takes new work. That it is there at
// all is what /healthz says, by answering.
func ready(w http.ResponseWriter, ask func() (bool, string)) {
	if ask == nil {
		fmt.Fprintln(w, "ok")
		return
	}
	if ok, why := ask(); !ok {
		http.Error(w, why, http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// guarded lets through who only looks, and calls us by our name.
type guarded struct {
	next  http.Handler
	hosts []string
	local bool
}

func (g guarded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD: nothing can be changed here", http.StatusMethodNotAllowed)
	case !g.local && !g.named(r.Host):
		http.Error(w, "unknown host; --admin-host NAME lets it be called so", http.StatusMisdirectedRequest)
	default:
		g.next.ServeHTTP(w, r)
	}
}

// named reports whether host may be what we are called. A page of a stranger can
// have its own name point here (DNS rebinding), and a browser would then let it
// read our answers; but it cannot change the name that it calls us by.
func (g guarded) named(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || slices.ContainsFunc(g.hosts, func(h string) bool { return strings.EqualFold(h, host) }) {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}
