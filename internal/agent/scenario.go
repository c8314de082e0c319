package agent

import (
	"errors"
	"io"
	"net"
	"slices"
	"time"
)

// scenario is one way to behave. It never sends a byte that it was not sent: an
// agent is no amplifier.
type scenario struct {
	name   string
	params []string
	act    func(*run) error
	udp    bool // whether it is about datagrams
}

// maxKept bounds what a scenario keeps to send it back, in bytes.
const maxKept = 1 << 20

// scenarios are all there are. A function, not a table, because they look at
// their own run.
func scenarios() []scenario {
	return []scenario{
		{"take", nil, (*run).take, false},
		{"answer-late", []string{"delay"}, (*run).answerLate, false},
		{"fin-first", nil, (*run).finFirst, false},
		{"reset", []string{"take", "give", "delay"}, (*run).reset, false},
		{"datagram-late", []string{"delay"}, (*run).datagramLate, true},
	}
}

// scenarios are those that this agent plays: none about datagrams without a
// socket for them.
func (s *Server) scenarios() []scenario {
	return slices.DeleteFunc(scenarios(), func(sc scenario) bool { return sc.udp && s.UDP == nil })
}

func (s *Server) scenarioNames() []string {
	var names []string
	for _, sc := range s.scenarios() {
		names = append(names, sc.name)
	}
	return names
}

// lookup finds the scenario that r asks for.
func (s *Server) lookup(r request) (scenario, error) {
	all := s.scenarios()
	i := slices.IndexFunc(all, func(sc scenario) bool { return sc.name == r.scenario })
	if i < 0 {
		return scenario{}, refuse(unknown, "the scenario %s", r.quote(r.scenario))
	}
	return all[i], nil
}

// script is what a scenario's parameters ask for.
type script struct {
	delay time.Duration
	take  int
	give  int
}

func (s scenario) script(r request, limits Limits) (script, error) {
	if err := r.only(append([]string{"id", "group"}, s.params...)...); err != nil {
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
	delay, err := r.number("delay", limits.delay().Milliseconds())
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
	return script{time.Duration(delay) * time.Millisecond, int(take), int(give)}, nil
}

// take reads until the end.
func (r *run) take() error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// answerLate reads up to the FIN, waits, and sends back what came.
func (r *run) answerLate() error {
	r.limit = min(r.limit, maxKept)
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

// finFirst ends its own direction at once, and reads until the end.
func (r *run) finFirst() error {
	if err := r.conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return err
	}
	return r.take()
}

// reset reads some bytes, sends back the first of them and, after the delay,
// resets the connection.
func (r *run) reset() error {
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
	r.saw(Acted, nil)
	abort(r.conn)
	return nil
}

// readExactly reads n bytes. What it allocates grows with what is received: a
// request alone costs no memory.
func (r *run) readExactly(n int) ([]byte, error) {
	read, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err == nil && len(read) < n {
		err = io.ErrUnexpectedEOF
	}
	return read, err
}

// resetAtClose makes every close of conn a reset: the agent's, and the kernel's when
// the process dies. It is the first thing that a connection gets, because it may
// fail, and a close in order would then say that a scenario was over.
func resetAtClose(conn net.Conn) error { return linger(conn, 0) }

// abort ends a connection by a reset.
func abort(conn net.Conn) {
	resetAtClose(conn)
	conn.Close()
}

// closeInOrder ends a connection by a FIN behind all that was sent. If that cannot be
// had, it is a reset.
func closeInOrder(conn net.Conn) error { return errors.Join(linger(conn, -1), conn.Close()) }

// linger sets SO_LINGER (socket(7)) where there is one: on TCP.
func linger(conn net.Conn, seconds int) error {
	if c, ok := conn.(interface{ SetLinger(sec int) error }); ok {
		return c.SetLinger(seconds)
	}
	return nil
}
