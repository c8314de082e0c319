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

// newHandler returns the handler of all paths. Local is true for a unix socket, which
// browsers cannot reach. Traces, which show peers and their bytes, are served only if no other
// machine can reach the address.
func newHandler(cfg Config, h Handlers, local, traces bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) { ready(w, h.Ready) })
	if h.Metrics != nil {
		mux.Handle("/metrics", h.Metrics)
	}
	if cfg.Pprof {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	if !traces {
		mux.HandleFunc("/trace", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "a trace shows peers and their bytes: it is served only if --admin is a loopback address", http.StatusForbidden)
		})
	}
	if h.Page != nil {
		mux.Handle("/", h.Page)
	}
	return guard{next: mux, hosts: cfg.Hosts, local: local}
}

// ready answers 200 while the service accepts connections, else 503.
func ready(w http.ResponseWriter, isReady func() (bool, string)) {
	if isReady != nil {
		if ok, why := isReady(); !ok {
			http.Error(w, why, http.StatusServiceUnavailable)
			return
		}
	}
	fmt.Fprintln(w, "ok")
}

// guard refuses requests that are not GET or HEAD, and those for an unknown host.
type guard struct {
	next  http.Handler
	hosts []string
	local bool
}

func (g guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are allowed", http.StatusMethodNotAllowed)
	case !g.local && !g.allows(r.Host):
		http.Error(w, "unknown host; --admin-host NAME allows it", http.StatusMisdirectedRequest)
	default:
		g.next.ServeHTTP(w, r)
	}
}

// allows reports whether a request may have this host. A web page can make its own name
// resolve to this address (DNS rebinding), and the browser would let it read the answers.
// But its requests have its own name as the host.
func (g guard) allows(host string) bool {
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
