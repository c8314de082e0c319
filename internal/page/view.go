package page

import (
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"echod/internal/draw"
)

// view is what the template is filled with. What came from elsewhere is a plain
// string in it, which the template escapes.
type view struct {
	*State
	Build    string // the script loads the page anew when it is another
	Plots    []plot
	Ends     []group // how what was begun came to its end
	Troubles []group // what was not even begun
	Targets  []rows
	Time     []draw.Tick
}

// group is a list of counts.
type group struct {
	Title string
	Of    string // heads the names
	Rows  []CountState
	Never string // the names of those of which there were none
}

func (s *State) view(build string) view {
	v := view{State: s, Build: build}
	switch {
	case s.Traffic != nil:
		v.Plots, v.Ends, v.Troubles = s.trafficPlots(), s.ends(), s.troubles()
	case s.Agent != nil:
		v.Plots = []plot{over("Scenarios", told{"at work", coming, draw.Number, s.Agent.History.Active, s.Agent.MaxActive})}
		v.Ends = []group{groupOf("Scenarios that are over", "result", s.Agent.Ends)}
	}
	for i := range v.Plots {
		v.Plots[i].Marks = moment(s.At, s.DrainingSince, "drain")
	}
	if s.Matrix != nil {
		v.Targets, v.Time = s.Matrix.rows(s.At), lastTenMinutes
	}
	return v
}

// The classes of lines: what comes is an area, and what goes a line over it, so
// that what is missing is seen.
const (
	coming = "line c0 filled"
	going  = "line c1"
)

func (s *State) trafficPlots() []plot {
	t, h := s.Traffic, s.Traffic.History
	throughput := over("Throughput", told{"in", coming, draw.BytesPerSecond, h.BytesInPerSecond, 0}, told{"out", going, draw.BytesPerSecond, h.BytesOutPerSecond, 0})
	held := over("Held memory", told{"held", coming, draw.Bytes, h.HeldBytes, t.MaxHeldBytes})
	open := told{"open", coming, draw.Number, h.Connections, t.MaxConnections}
	accepted, closed := told{"accepted", "", draw.PerSecond, h.AcceptedPerSecond, 0}, told{"closed", "", draw.PerSecond, h.ClosedPerSecond, 0}
	if s.datagrams() {
		return []plot{throughput, over("Datagrams", told{"in", coming, draw.PerSecond, h.DatagramsInPerSecond, 0},
			told{"out", going, draw.PerSecond, h.DatagramsOutPerSecond, 0}), over("Connections", open, accepted, closed), held}
	}
	accepted.class, closed.class = coming, going
	return []plot{throughput, over("Connections", open), held, over("Connections come and gone", accepted, closed)}
}

// datagrams reports whether they are served.
func (s *State) datagrams() bool {
	return slices.ContainsFunc(s.Listeners, func(l ListenerState) bool { return strings.HasPrefix(l.URL, "udp") })
}

// secure reports whether TLS is served.
func (s *State) secure() bool {
	return slices.ContainsFunc(s.Listeners, func(l ListenerState) bool { return strings.HasPrefix(l.URL, "tls") })
}

func (s *State) ends() []group {
	groups := []group{groupOf("Closes", "cause", s.Traffic.Closes)}
	if s.datagrams() {
		groups = append(groups, groupOf("Dropped datagrams", "reason", s.Traffic.Drops))
	}
	return groups
}

func (s *State) troubles() []group {
	groups := []group{groupOf("Refusals", "reason", s.Traffic.Refusals), groupOf("Failures of accept", "reason", s.Traffic.AcceptFailures)}
	if s.secure() {
		groups = append(groups, groupOf("TLS handshakes", "result", s.Traffic.Handshakes))
	}
	return groups
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

// What the template can ask for.
var words = template.FuncMap{
	"bytes":   func(n uint64) string { return draw.Bytes.Write(float64(n)) },
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

// took writes how long something took, which is known to the millisecond.
func took(s float64) string {
	switch {
	case s == 0:
		return "0 ms"
	case s < 60:
		return draw.Seconds.Write(s)
	}
	return long(int64(s))
}

// long writes so many seconds as people tell them: the two largest units.
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

// Up is how many addresses answer.
func (t TargetState) Up() int {
	n := 0
	for _, a := range t.Addresses {
		if a.Up {
			n++
		}
	}
	return n
}

// Up is how many addresses answer, of all targets.
func (m *MatrixState) Up() int {
	n := 0
	for _, t := range m.Targets {
		n += t.Up()
	}
	return n
}

// Addresses is how many there are.
func (m *MatrixState) Addresses() int {
	n := 0
	for _, t := range m.Targets {
		n += len(t.Addresses)
	}
	return n
}
