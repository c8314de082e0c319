package agent

import (
	"io"
	"net"
	"slices"
	"time"

	"echod/internal/dial"
)

// scenario is one way in which the agent can behave. It never sends more bytes than it
// has received, so the agent cannot be used for amplification.
type scenario struct {
	name   string
	params []string
	run    func(*run) error
	expect func(*run) // makes the key of its datagrams; nil if it uses none
	tls    bool       // it needs TLS
}

// maxKept is how many bytes a scenario keeps to send them back.
const maxKept = 1 << 20

// Timestamps is the name of the scenario of a [Stamper].
const Timestamps = "timestamps"

func scenarios() []scenario {
	return []scenario{
		{name: "take", run: (*run).take},
		{name: "answer-late", params: []string{"delay", "keepalive"}, run: (*run).answerLate},
		{name: "fin-first", run: (*run).finFirst},
		{name: "reset", params: []string{"take", "give", "delay"}, run: (*run).takeAndReset},
		{name: "truncate", params: []string{"take", "give", "delay"}, run: (*run).takeAndTruncate, tls: true},
		{name: "datagram-late", params: []string{"delay"}, run: (*run).datagramLate, expect: (*run).expectOne},
		{name: Timestamps, run: (*run).timestamps, expect: (*run).expectMany},
	}
}

// scenarios returns the scenarios of this agent. Those with datagrams need a UDP socket,
// and others need TLS.
func (s *Server) scenarios() []scenario {
	return slices.DeleteFunc(scenarios(), func(sc scenario) bool { return sc.expect != nil && s.UDP == nil || sc.tls && s.TLS == nil })
}

func (s *Server) scenarioNames() []string {
	var names []string
	for _, sc := range s.scenarios() {
		names = append(names, sc.name)
	}
	return names
}

func (s *Server) findScenario(r request) (scenario, error) {
	all := s.scenarios()
	i := slices.IndexFunc(all, func(sc scenario) bool { return sc.name == r.scenario })
	if i < 0 {
		return scenario{}, refuse(unknown, "the scenario %s", r.quote(r.scenario))
	}
	return all[i], nil
}

// script holds the parameters of a scenario.
type script struct {
	delay     time.Duration
	take      int           // bytes to receive
	give      int           // bytes to send back
	keepAlive time.Duration // between two keepalive probes; 0 turns keepalive off
}

// maxKeepAlive is the longest time between two keepalive probes, in seconds.
const maxKeepAlive = 3600

func (s scenario) script(r request, limits Limits) (script, error) {
	if err := r.allowOnly(append([]string{"id", "group"}, s.params...)...); err != nil {
		return script{}, err
	}
	if _, err := r.name("id"); err != nil {
		return script{}, err
	}
	if r.params["group"] != "" {
		if _, err := r.name("group"); err != nil {
			return script{}, err
		}
	}
	delay, err := r.number("delay", limits.maxDelay().Milliseconds())
	if err != nil {
		return script{}, err
	}
	take, err := r.number("take", min(maxKept, limits.Bytes))
	if err != nil {
		return script{}, err
	}
	give, err := r.number("give", take)
	if err != nil {
		return script{}, err
	}
	keepAlive, err := r.number("keepalive", maxKeepAlive)
	if err != nil {
		return script{}, err
	}
	return script{time.Duration(delay) * time.Millisecond, int(take), int(give), time.Duration(keepAlive) * time.Second}, nil
}

// take reads until the connection ends.
func (r *run) take() error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// answerLate reads until the FIN, waits, and sends everything back. Nothing but the
// keepalive that the client has asked for is sent in between.
func (r *run) answerLate() error {
	if err := dial.SetKeepAlive(r.conn, r.script.keepAlive); err != nil {
		return err
	}
	r.maxBytes = min(r.maxBytes, maxKept)
	kept, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := r.wait(r.script.delay); err != nil {
		return err
	}
	_, err = r.Write(kept)
	return err
}

// finFirst sends a FIN, with TLS a close_notify, at once, and reads until the connection
// ends.
func (r *run) finFirst() error {
	if err := r.life.closeWrite(r.conn); err != nil {
		return err
	}
	return r.take()
}

// takeAndReset reads some bytes, sends the first of them back, waits, and resets the
// connection.
func (r *run) takeAndReset() error { return r.takeAndEnd(reset, false) }

// takeAndTruncate reads some bytes, sends the first of them back, waits, and ends the
// connection with a FIN without close_notify.
func (r *run) takeAndTruncate() error { return r.takeAndEnd(truncate, true) }

func (r *run) takeAndEnd(end func(net.Conn) error, fin bool) error {
	kept, err := r.readExactly(r.script.take)
	if err != nil {
		return err
	}
	if _, err := r.Write(kept[:r.script.give]); err != nil {
		return err
	}
	if err := r.wait(r.script.delay); err != nil {
		return err
	}
	r.setEnd(Acted, nil)
	r.life.close(r.conn, fin, end)
	return nil
}

// readExactly reads n bytes. It allocates memory for received bytes only: a request
// alone uses no memory.
func (r *run) readExactly(n int) ([]byte, error) {
	read, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err == nil && len(read) < n {
		err = io.ErrUnexpectedEOF
	}
	return read, err
}
