package report

import (
	"encoding/json"
	"io"
	"time"

	"echod/internal/dial"
	"echod/internal/hist"
	"echod/internal/ping"
)

// The format in the first line: that of one target, and that of several, in which each event
// has its target. It changes when a field changes its meaning, not when one is added. A reader
// refuses another format.
const (
	pingFormat        = "echod-ping/1"
	pingTargetsFormat = "echod-ping-targets/1"
)

// pingJSON writes one JSON object per line; its field event says what it is.
type pingJSON struct {
	lines   *json.Encoder
	targets []PingTarget
	names   pingNames
	echod   string
}

// PingJSON returns a Ping that writes JSON lines for programs. Echod is the version
// that writes them.
func PingJSON(w io.Writer, targets []PingTarget, echod string) Ping {
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	return &pingJSON{lines, targets, namesOf(targets), echod}
}

// pingNames are the names of several targets; of one, none.
type pingNames []string

func namesOf(targets []PingTarget) (names pingNames) {
	if len(targets) == 1 {
		return nil
	}
	for _, t := range targets {
		names = append(names, t.Name)
	}
	return names
}

// of returns the name that the events of a target have.
func (n pingNames) of(target int) string {
	if len(n) == 0 {
		return ""
	}
	return n[target]
}

func (t *pingJSON) Start() error {
	c := t.targets[0]
	begin := struct {
		Event     string    `json:"event"`
		Format    string    `json:"format"`
		Echod     string    `json:"echod"`
		URL       string    `json:"url,omitempty"`
		Targets   pingNames `json:"targets,omitempty"`
		Count     int       `json:"count,omitempty"`
		Interval  float64   `json:"interval_seconds"`
		Timeout   float64   `json:"timeout_seconds"`
		Size      int       `json:"size"`
		Reconnect bool      `json:"reconnect"`
	}{"begin", pingFormat, t.echod, c.Name, nil, c.Count, c.Interval.Seconds(), c.Timeout.Seconds(), c.Size, c.Reconnect}
	if len(t.targets) > 1 {
		begin.Format, begin.URL, begin.Targets = pingTargetsFormat, "", t.names
	}
	return t.lines.Encode(begin)
}

func (t *pingJSON) Probe(target int, p ping.Probe) error { return t.event(target, probeEvent(p)) }

func (t *pingJSON) Conn(target int, l ping.ConnEvent) error { return t.event(target, connEvent(l)) }

func (t *pingJSON) Pause(target int, p ping.Pause) error { return t.event(target, pauseEvent(p)) }

func (t *pingJSON) event(target int, e pingEvent) error {
	e.Target = t.names.of(target)
	return t.lines.Encode(e)
}

func (t *pingJSON) End(results []PingResult) error {
	for i, r := range results {
		summary := summaryOf(r.Summary, r.Verdicts)
		summary.Target = t.names.of(i)
		if err := t.lines.Encode(summary); err != nil {
			return err
		}
	}
	return nil
}

// pingEvent is one event of a probe or a connection. Times that are not known are
// omitted.
type pingEvent struct {
	Event     string     `json:"event"`            // answered, lost, late, duplicated, foreign; connected, disconnected, stale; paused
	Target    string     `json:"target,omitempty"` // its name, if there are several
	At        time.Time  `json:"at"`
	Seq       uint64     `json:"seq,omitempty"`
	Sent      *time.Time `json:"sent,omitempty"`
	RTT       float64    `json:"rtt_seconds,omitempty"`
	Reordered bool       `json:"reordered,omitempty"`
	TTL       int        `json:"ttl,omitempty"`
	Address   string     `json:"address,omitempty"`
	DNS       float64    `json:"dns_seconds,omitempty"`
	Connect   float64    `json:"connect_seconds,omitempty"`
	TLS       float64    `json:"tls_seconds,omitempty"`
	FirstByte float64    `json:"first_byte_seconds,omitempty"`
	Down      float64    `json:"down_seconds,omitempty"` // how long there was no connection before
	SYNs      int64      `json:"syn_retransmits,omitempty"`
	From      string     `json:"from,omitempty"`   // the address before, if the name has moved
	Probes    int64      `json:"probes,omitempty"` // that a pause concerns
	For       float64    `json:"for_seconds,omitempty"`
	Class     dial.Class `json:"class,omitempty"`
	Error     string     `json:"error,omitempty"`
}

func probeEvent(p ping.Probe) pingEvent {
	e := pingEvent{
		Event: string(p.Fate), At: p.At.UTC(), Seq: p.Seq, RTT: p.RTT.Seconds(), Reordered: p.Reordered, TTL: p.TTL,
		Class: p.Class, Error: errorText(p.Err),
	}
	if !p.Sent.IsZero() {
		sent := p.Sent.UTC()
		e.Sent = &sent
	}
	e.phases(p.Phases)
	return e
}

func connEvent(l ping.ConnEvent) pingEvent {
	e := pingEvent{
		Event: "disconnected", At: l.At.UTC(), Address: l.Addr, Down: l.Down.Seconds(), Class: l.Class, Error: errorText(l.Err),
	}
	switch e.From = l.From; {
	case l.Stale:
		e.Event = "stale"
	case l.Up:
		e.Event = "connected"
	}
	e.phases(l.Phases)
	return e
}

func pauseEvent(p ping.Pause) pingEvent {
	return pingEvent{Event: "paused", At: p.At.UTC(), Probes: p.Probes, For: p.For.Seconds()}
}

func (e *pingEvent) phases(p ping.Phases) {
	e.SYNs = p.Retransmits
	e.DNS, e.Connect, e.TLS, e.FirstByte = p.DNS.Seconds(), p.Connect.Seconds(), p.TLS.Seconds(), p.FirstByte.Seconds()
}

// pingSummary is the last line of a target.
type pingSummary struct {
	Event      string               `json:"event"`
	Target     string               `json:"target,omitempty"` // its name, if there are several
	Sent       int64                `json:"sent"`
	Received   int64                `json:"received"`
	Lost       int64                `json:"lost"`
	LostBy     map[dial.Class]int64 `json:"lost_by,omitempty"`
	Late       int64                `json:"late"`
	Duplicated int64                `json:"duplicated"`
	Reordered  int64                `json:"reordered"`
	Corrupt    int64                `json:"corrupt"`
	Foreign    int64                `json:"foreign"`
	Paused     int64                `json:"paused"`
	PausedFor  float64              `json:"paused_seconds"`
	SYNs       int64                `json:"syn_retransmits"`
	Moved      int64                `json:"moved"`
	Stale      int64                `json:"stale"`
	Reconnects int64                `json:"reconnects"`
	Down       float64              `json:"down_seconds"`
	RTT        *pingTimes           `json:"rtt,omitempty"`
	Jitter     *float64             `json:"jitter_seconds,omitempty"`
	TTL        *pingTTL             `json:"ttl,omitempty"`
	DNS        *pingTimes           `json:"dns,omitempty"`
	Connect    *pingTimes           `json:"connect,omitempty"`
	TLS        *pingTimes           `json:"tls,omitempty"`
	FirstByte  *pingTimes           `json:"first_byte,omitempty"`
	OneWay     *pingOneWay          `json:"one_way,omitempty"`
	Thresholds []Verdict            `json:"thresholds,omitempty"`
}

// pingTTL is what the TTLs of answers say about the distance. The hops are guesses.
type pingTTL struct {
	Lowest      int `json:"lowest"`
	Highest     int `json:"highest"`
	HopsLowest  int `json:"hops_guess_of_lowest"`
	HopsHighest int `json:"hops_guess_of_highest"`
}

// pingTimes are a distribution. A percentile that is not [Known] is omitted.
type pingTimes struct {
	Min  float64 `json:"min_seconds"`
	Avg  float64 `json:"avg_seconds"`
	P50  float64 `json:"p50_seconds"`
	P90  float64 `json:"p90_seconds,omitempty"`
	P99  float64 `json:"p99_seconds,omitempty"`
	P999 float64 `json:"p999_seconds,omitempty"`
	Max  float64 `json:"max_seconds"`

	Buckets []pingBucket `json:"buckets,omitempty"` // of the phases
}

// pingBucket counts the durations up to To, and above that of the bucket before it.
type pingBucket struct {
	To    float64 `json:"to_seconds"`
	Count int64   `json:"count"`
}

func summaryOf(s ping.Summary, verdicts []Verdict) pingSummary {
	all := pingSummary{
		Event: "summary", Sent: s.Sent, Received: s.Received, Lost: s.Lost, LostBy: s.LostBy, Late: s.Late,
		Duplicated: s.Duplicated, Reordered: s.Reordered, Corrupt: s.Corrupt, Foreign: s.Foreign,
		Paused: s.Paused, PausedFor: s.PausedFor.Seconds(), SYNs: s.Retransmits, Moved: s.Moved, Stale: s.Stale,
		Reconnects: s.Reconnects, Down: s.Down.Seconds(),
		Thresholds: verdicts, OneWay: oneWayOf(s.OneWay),
		RTT: distributionOf(s.RTT, nil), DNS: distributionOf(s.DNS, s.Buckets["dns"]), Connect: distributionOf(s.Connect, s.Buckets["connect"]),
		TLS: distributionOf(s.TLS, s.Buckets["tls"]), FirstByte: distributionOf(s.FirstByte, s.Buckets["first byte"]),
	}
	if s.Received > 1 {
		jitter := s.Jitter.Seconds()
		all.Jitter = &jitter
	}
	if s.LowestTTL > 0 {
		all.TTL = &pingTTL{s.LowestTTL, s.HighestTTL, ping.Hops(s.LowestTTL), ping.Hops(s.HighestTTL)}
	}
	return all
}

func distributionOf(s hist.Summary, buckets []hist.Bucket) *pingTimes {
	if s.Count == 0 {
		return nil
	}
	all := &pingTimes{Min: s.Min.Seconds(), Avg: s.Mean.Seconds(), P50: s.P50.Seconds(), Max: s.Max.Seconds()}
	for _, of := range []struct {
		percentile float64
		d          time.Duration
		to         *float64
	}{{90, s.P90, &all.P90}, {99, s.P99, &all.P99}, {99.9, s.P999, &all.P999}} {
		if Known(of.percentile, s.Count) {
			*of.to = of.d.Seconds()
		}
	}
	for _, b := range buckets {
		all.Buckets = append(all.Buckets, pingBucket{b.To.Seconds(), b.Count})
	}
	return all
}

// errorText returns the text of err, "" for nil.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
