package page

import (
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"echod/internal/draw"
)

// view is the input of the template. Texts from elsewhere are plain strings in it,
// which the template escapes.
type view struct {
	*State
	Build   string // when it changes, the script loads the page again
	Plots   []plot
	Ends    []group // how connections, datagrams and scenarios ended
	Errors  []group // what was not accepted
	Targets []targetRows
	Window  window // the time that is shown
}

// group is a table of counts.
type group struct {
	Title string
	Of    string // the heading of the names
	Rows  []CountState
	Never string // the names of the counts that are zero

	Window window
}

func (s *State) view(build string) view {
	w := s.window()
	v := view{State: s, Build: build, Window: w}
	switch {
	case s.Traffic != nil:
		v.Plots = s.trafficPlots(w)
		v.Ends = []group{groupOf("Closes", "cause", s.Traffic.Closes)}
		if s.listensOn("udp") {
			v.Ends = append(v.Ends, groupOf("Dropped datagrams", "reason", s.Traffic.Drops))
		}
		v.Errors = []group{groupOf("Refused connections", "reason", s.Traffic.Refusals), groupOf("Accept errors", "reason", s.Traffic.AcceptErrors)}
		if s.listensOn("tls") {
			v.Errors = append(v.Errors, groupOf("TLS handshakes", "result", s.Traffic.Handshakes))
		}
	case s.Agent != nil:
		v.Plots = []plot{w.plot("Scenarios", series{"running", received, draw.Number, s.Agent.History.Active, s.Agent.MaxActive})}
		v.Ends = []group{groupOf("Ended scenarios", "result", s.Agent.Ends)}
	}
	for i := range v.Plots {
		v.Plots[i].Marks = w.mark(s.At, s.DrainingSince, "drain")
	}
	for _, groups := range [][]group{v.Ends, v.Errors} {
		for i := range groups {
			groups[i].Window = w
		}
	}
	if s.Matrix != nil {
		v.Targets = s.Matrix.rows(s.At)
	}
	return v
}

// The classes of lines. What is received is an area, and what is sent is a line over
// it: a difference is visible.
const (
	received = "line c0 filled"
	sent     = "line c1"
)

func (s *State) trafficPlots(w window) []plot {
	t, h := s.Traffic, s.Traffic.History
	throughput := w.plot("Throughput", series{"in", received, draw.BytesPerSecond, h.BytesInPerSecond, 0}, series{"out", sent, draw.BytesPerSecond, h.BytesOutPerSecond, 0})
	held := w.plot("Held memory", series{"held", received, draw.Bytes, h.HeldBytes, t.MaxHeldBytes})
	open := series{"open", received, draw.Number, h.Connections, t.MaxConnections}
	accepted, closed := series{"accepted", "", draw.PerSecond, h.AcceptedPerSecond, 0}, series{"closed", "", draw.PerSecond, h.ClosedPerSecond, 0}
	if s.listensOn("udp") {
		datagrams := w.plot("Datagrams", series{"in", received, draw.PerSecond, h.DatagramsInPerSecond, 0}, series{"out", sent, draw.PerSecond, h.DatagramsOutPerSecond, 0})
		return []plot{throughput, datagrams, w.plot("Connections", open, accepted, closed), held}
	}
	accepted.class, closed.class = received, sent
	return []plot{throughput, w.plot("Connections", open), held, w.plot("Accepted and closed connections", accepted, closed)}
}

// listensOn reports whether a listener has the scheme.
func (s *State) listensOn(scheme string) bool {
	return slices.ContainsFunc(s.Listeners, func(l ListenerState) bool { return strings.HasPrefix(l.URL, scheme) })
}

func groupOf(title, of string, counts []CountState) group {
	g := group{Title: title, Of: of}
	var never []string
	for _, c := range counts {
		if c.Total > 0 {
			g.Rows = append(g.Rows, c)
		} else {
			never = append(never, c.Name)
		}
	}
	g.Never = strings.Join(never, ", ")
	return g
}

// functions are those of the template.
var functions = template.FuncMap{
	"bytes":   func(n uint64) string { return draw.Bytes.Write(float64(n)) },
	"size":    func(n int64) string { return draw.Bytes.Write(float64(n)) },
	"whole":   func(n uint64) string { return draw.Whole(float64(n)) },
	"rtt":     func(f figure) string { return draw.Seconds.Write(float64(f)) },
	"perS":    func(f figure) string { return draw.PerSecond.Write(float64(f)) },
	"bars":    bars,
	"long":    long,
	"lasting": func(s float64) string { return long(int64(s)) },
	"took":    took,
	"clock":   func(t time.Time) string { return t.UTC().Format("15:04:05 UTC") },
	"moment":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"percent": func(part float64) string { return strconv.FormatFloat(part*100, 'f', 0, 64) + " %" },
	"wide":    func(part float64) string { return strconv.FormatFloat(part*100, 'f', 2, 64) + "%" },
}

// took writes a duration that is known to the millisecond.
func took(s float64) string {
	switch {
	case s == 0:
		return "0 ms"
	case s < 60:
		return draw.Seconds.Write(s)
	}
	return long(int64(s))
}

// long writes n seconds in the two largest units, e.g. 1 h 20 min.
func long(n int64) string {
	units := []struct {
		name string
		size int64
	}{{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}}
	for i, u := range units {
		if n < u.size && u.size > 1 {
			continue
		}
		text := strconv.FormatInt(n/u.size, 10) + " " + u.name
		if rest := n % u.size; i+1 < len(units) && rest >= units[i+1].size {
			text += " " + strconv.FormatInt(rest/units[i+1].size, 10) + " " + units[i+1].name
		}
		return text
	}
	return ""
}
