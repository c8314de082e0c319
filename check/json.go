package check

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/netip"
	"time"
)

// Schema is the version of the JSON documents. It changes when a field is removed or
// changes its meaning, and stays when fields are added.
const Schema = 1

// WriteJSON writes the report for programs: one object, described in docs/report.md.
// [json.Unmarshal] into a Report reads it back. It does not contain the agent's token.
func (r *Report) WriteJSON(w io.Writer) error { return writeJSON(w, r.toJSON()) }

// WriteJSON writes the comparison for programs: who is at fault for each rule, and
// both reports in full. docs/report.md describes it.
func (c *Comparison) WriteJSON(w io.Writer) error { return writeJSON(w, c.toJSON()) }

func writeJSON(w io.Writer, document any) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(document)
}

type reportJSON struct {
	Schema      int           `json:"schema"`
	Echod       string        `json:"echod,omitempty"`
	Target      string        `json:"target"`
	Network     string        `json:"network"`
	Address     string        `json:"address"`
	Addresses   []addressJSON `json:"addresses,omitempty"`
	Source      netip.Addr    `json:"source,omitzero"`
	Socket      SocketOptions `json:"socket,omitzero"`
	Options     optionsJSON   `json:"options"`
	Seed        uint64        `json:"seed"`
	Verdict     Verdict       `json:"verdict"`
	Summary     string        `json:"summary"`
	Interrupted bool          `json:"interrupted"`
	Elapsed     seconds       `json:"elapsed_seconds"`
	NotEcho     *notEchoJSON  `json:"not_echo,omitempty"`
	Measured    *pathJSON     `json:"measured,omitempty"`
	Connections int           `json:"connections,omitempty"`
	Retried     int           `json:"retried,omitempty"`
	Results     []resultJSON  `json:"results"`
}

type addressJSON struct {
	Address string `json:"address"`
	Checked bool   `json:"checked"`
	Class   Class  `json:"class,omitempty"`
}

// pathJSON is what the path carried at the start. It is absent if nothing is known.
type pathJSON struct {
	RoundTrip seconds `json:"round_trip_seconds"`
	Rate      int64   `json:"bytes_per_second,omitempty"`
}

type notEchoJSON struct {
	Kind   Kind   `json:"kind"`
	Detail string `json:"detail"`
	Seen   string `json:"seen"`
	Got    string `json:"got,omitempty"`
	Remedy string `json:"remedy,omitempty"`
}

type optionsJSON struct {
	Rules    []string `json:"rules,omitempty"`
	Skip     []string `json:"skip,omitempty"`
	Timeout  seconds  `json:"timeout_seconds"`
	Conns    int      `json:"conns"`
	Absorb   int64    `json:"absorb_bytes"`
	Parallel int      `json:"parallel"`
	Bulk     int64    `json:"bulk_bytes"`
	BulkTime seconds  `json:"bulk_seconds"`
	Stall    seconds  `json:"stall_seconds"`
	IdleMax  seconds  `json:"idle_max_seconds"`
	Budget   seconds  `json:"budget_seconds,omitempty"`
	Strict   bool     `json:"strict,omitempty"`
	Long     bool     `json:"long"`
	Unsafe   bool     `json:"unsafe"`
	Anyway   bool     `json:"anyway"`
	Closed   string   `json:"closed,omitempty"`
	Agent    string   `json:"agent,omitempty"`
	AgentUDP string   `json:"agent_udp,omitempty"`
}

type resultJSON struct {
	Rule        string   `json:"rule"`
	Verdict     Verdict  `json:"verdict"`
	Class       Class    `json:"class,omitempty"`
	Evidence    Evidence `json:"evidence,omitempty"`
	Size        int64    `json:"size_bytes,omitempty"`
	ExplainedBy string   `json:"explained_by,omitempty"`
	Offset      *int64   `json:"offset,omitempty"` // absent if there is none
	Got         string   `json:"got,omitempty"`
	Want        string   `json:"want,omitempty"`
	Detail      string   `json:"detail,omitempty"`
	Meaning     string   `json:"meaning,omitempty"`
	Cause       string   `json:"cause,omitempty"`
	Remedy      string   `json:"remedy,omitempty"`
	Repeat      string   `json:"repeat,omitempty"` // of a failure: the command line
	Elapsed     seconds  `json:"elapsed_seconds"`
	Life        []Step   `json:"life,omitempty"`

	Agent *AgentReport `json:"agent,omitempty"`
}

// seconds is a duration in JSON.
type seconds time.Duration

func (s seconds) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(s).Seconds()) }

func (s *seconds) UnmarshalJSON(text []byte) error {
	var f float64
	if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	*s = seconds(math.Round(f * float64(time.Second)))
	return nil
}

// MarshalJSON returns what WriteJSON writes, on one line.
func (r *Report) MarshalJSON() ([]byte, error) { return json.Marshal(r.toJSON()) }

func (r *Report) toJSON() reportJSON {
	document := reportJSON{
		Schema: Schema, Echod: r.Echod,
		Target: r.Target.String(), Network: r.Target.Network, Address: r.Target.Address,
		Source: r.Target.Source, Socket: r.Target.Socket,
		Options: r.Options.toJSON(), Seed: r.Seed(),
		Verdict: r.Verdict(), Summary: r.Summary(), Interrupted: r.Interrupted,
		Elapsed: seconds(r.Elapsed), NotEcho: (*notEchoJSON)(r.NotEcho),
		Connections: r.Connections, Retried: r.Retried, Results: make([]resultJSON, 0, len(r.Results)),
	}
	if r.Path != (Path{}) {
		document.Measured = &pathJSON{seconds(r.Path.RoundTrip), r.Path.Rate}
	}
	for _, a := range r.Addresses {
		document.Addresses = append(document.Addresses, addressJSON(a))
	}
	for _, result := range r.Results {
		document.Results = append(document.Results, result.toJSON(r))
	}
	return document
}

// UnmarshalJSON reads what MarshalJSON returned. It returns an error if the schema
// differs.
func (r *Report) UnmarshalJSON(text []byte) error {
	var document reportJSON
	if err := json.Unmarshal(text, &document); err != nil {
		return err
	}
	if document.Schema != Schema {
		return fmt.Errorf("the report has schema %d, want %d", document.Schema, Schema)
	}
	*r = Report{
		Echod:   document.Echod,
		Target:  Target{Network: document.Network, Address: document.Address, Source: document.Source, Socket: document.Socket},
		Options: document.Options.options(document.Seed),
		Elapsed: time.Duration(document.Elapsed), Interrupted: document.Interrupted,
		NotEcho: (*NotEcho)(document.NotEcho), Connections: document.Connections, Retried: document.Retried,
	}
	if m := document.Measured; m != nil {
		r.Path = Path{time.Duration(m.RoundTrip), m.Rate}
	}
	for _, a := range document.Addresses {
		r.Addresses = append(r.Addresses, Address(a))
	}
	for _, result := range document.Results {
		r.Results = append(r.Results, result.result())
	}
	return nil
}

func (o Options) toJSON() optionsJSON {
	return optionsJSON{
		Rules: o.Rules, Skip: o.Skip, Timeout: seconds(o.Timeout), Conns: o.Conns,
		Absorb: o.Absorb, Parallel: o.Parallel,
		Bulk: o.Bulk, BulkTime: seconds(o.BulkTime), Stall: seconds(o.Stall), IdleMax: seconds(o.IdleMax), Budget: seconds(o.Budget), Strict: o.Strict,
		Long: o.Long, Unsafe: o.Unsafe, Anyway: o.Anyway, Closed: o.Closed, Agent: o.Agent, AgentUDP: o.AgentUDP,
	}
}

func (o optionsJSON) options(seed uint64) Options {
	return Options{
		Rules: o.Rules, Skip: o.Skip, Timeout: time.Duration(o.Timeout), Conns: o.Conns,
		Absorb: o.Absorb, Parallel: o.Parallel,
		Bulk: o.Bulk, BulkTime: time.Duration(o.BulkTime), Stall: time.Duration(o.Stall), IdleMax: time.Duration(o.IdleMax), Budget: time.Duration(o.Budget), Strict: o.Strict,
		Long: o.Long, Unsafe: o.Unsafe, Anyway: o.Anyway, Closed: o.Closed, Agent: o.Agent, AgentUDP: o.AgentUDP, Seed: seed,
	}
}

func (r Result) toJSON(of *Report) resultJSON {
	document := resultJSON{
		Rule: r.Rule, Verdict: r.Verdict, Class: r.Class, Evidence: r.Evidence, Size: r.Size, ExplainedBy: r.ExplainedBy,
		Got: r.Got, Want: r.Want, Detail: r.Detail, Meaning: r.Meaning,
		Cause: r.Cause, Remedy: r.Remedy, Elapsed: seconds(r.Elapsed), Life: r.Life, Agent: r.Agent,
	}
	if r.Offset >= 0 {
		document.Offset = &r.Offset
	}
	if r.Verdict == Fail {
		document.Repeat = of.Command(r.Rule)
	}
	return document
}

func (d resultJSON) result() Result {
	r := Result{
		Rule: d.Rule, Verdict: d.Verdict, Class: d.Class, Offset: -1, Evidence: d.Evidence, Size: d.Size, ExplainedBy: d.ExplainedBy,
		Got: d.Got, Want: d.Want, Detail: d.Detail, Meaning: d.Meaning,
		Cause: d.Cause, Remedy: d.Remedy, Elapsed: time.Duration(d.Elapsed), Life: d.Life, Agent: d.Agent,
	}
	if d.Offset != nil {
		r.Offset = *d.Offset
	}
	return r
}

type comparisonJSON struct {
	Schema  int                `json:"schema"`
	Echod   string             `json:"echod,omitempty"`
	Verdict Verdict            `json:"verdict"`
	Summary string             `json:"summary"`
	Elapsed seconds            `json:"elapsed_seconds"`
	NotEcho *comparedEchoJSON  `json:"not_echo,omitempty"`
	Rules   []comparedRuleJSON `json:"rules"`
	Path    reportJSON         `json:"path"`
	Direct  reportJSON         `json:"direct"`
}

type comparedEchoJSON struct {
	Blame  Blame  `json:"blame"`
	Detail string `json:"detail"`
}

type comparedRuleJSON struct {
	Rule   string  `json:"rule"`
	Path   Verdict `json:"path,omitempty"` // absent if the rule did not run
	Direct Verdict `json:"direct,omitempty"`
	Blame  Blame   `json:"blame,omitempty"`
	Detail string  `json:"detail,omitempty"`
}

// MarshalJSON returns what WriteJSON writes, on one line.
func (c *Comparison) MarshalJSON() ([]byte, error) { return json.Marshal(c.toJSON()) }

func (c *Comparison) toJSON() comparisonJSON {
	document := comparisonJSON{
		Schema: Schema, Echod: c.Path.Echod, Verdict: c.Verdict(), Summary: c.Summary(), Elapsed: seconds(c.Elapsed()),
		NotEcho: (*comparedEchoJSON)(c.NotEcho),
		Rules:   make([]comparedRuleJSON, 0, len(c.Rules)), Path: c.Path.toJSON(), Direct: c.Direct.toJSON(),
	}
	for _, rule := range c.Rules {
		document.Rules = append(document.Rules,
			comparedRuleJSON{rule.Rule, rule.Path.Verdict, rule.Direct.Verdict, rule.Blame, rule.Detail})
	}
	return document
}
