package client

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"strings"
	"time"
)

// scenario is a client of an agent with the scenario answer-late: the agent sends
// everything back after the FIN.
type scenario struct {
	stream
	requested bool
	line      []byte // of the answer, so far
	started   bool
}

// DialScenario connects to an agent.
func DialScenario(address string, wait time.Duration) (Session, error) {
	conn, err := net.DialTimeout("tcp", address, wait)
	if err != nil {
		return nil, err
	}
	return &scenario{stream: stream{conn: conn.(halfCloser), key: mathrand.Uint32()}}, nil
}

// Step sends a message. There is no answer to it. The first Step also waits until the
// agent has confirmed the scenario.
func (s *scenario) Step(wait time.Duration) Outcome {
	if outcome := s.start("answer-late delay=0", wait); outcome.Result != Done {
		return outcome
	}
	message := make([]byte, messageSize)
	fill(message, s.key, s.sent)
	s.conn.SetWriteDeadline(time.Now().Add(wait))
	n, err := s.conn.Write(message)
	s.sent += int64(n)
	return s.end(of(err))
}

func (s *scenario) Finish(wait time.Duration) Outcome {
	if outcome := s.start("answer-late delay=0", wait); outcome.Result != Done {
		return outcome
	}
	return s.stream.Finish(wait)
}

// start sends the RUN once, and reads the line of the answer. An agent that closes before
// it has answered has refused: that is not a dishonest end.
func (s *scenario) start(name string, wait time.Duration) Outcome {
	if s.started || s.last.Over() {
		return s.last
	}
	if !s.requested {
		s.requested = true
		s.conn.SetWriteDeadline(time.Now().Add(wait))
		words := strings.Fields(name)
		line := strings.Join(append([]string{"echod-agent/1 RUN", words[0], "id=" + rand.Text()}, words[1:]...), " ")
		if _, err := s.conn.Write([]byte(line + "\n")); err != nil {
			return s.end(of(err))
		}
	}
	outcome := s.readLine(wait)
	if outcome.Result == Early {
		outcome = s.end(Outcome{Reset, "closed without an answer"})
	}
	if outcome.Result != Done {
		return outcome
	}
	if !bytes.HasPrefix(s.line, []byte("echod-agent/1 ok")) {
		return s.end(Outcome{Reset, string(s.line)})
	}
	s.started = true
	return Outcome{}
}

// readLine reads until line is complete.
func (s *scenario) readLine(wait time.Duration) Outcome {
	s.conn.SetReadDeadline(time.Now().Add(wait))
	one := make([]byte, 1)
	for !bytes.HasSuffix(s.line, []byte("\n")) {
		n, err := s.conn.Read(one)
		s.line = append(s.line, one[:n]...)
		if err != nil && n == 0 {
			return s.end(of(err))
		}
	}
	return Outcome{}
}

// keyed is a client of an agent with the scenario datagram-late. Each step is a complete
// run, because another run cannot use the datagrams of a failed one.
type keyed struct{ address string }

// DialKey returns a client for the datagrams of the agent at address.
func DialKey(address string) (Session, error) { return keyed{address}, nil }

func (keyed) Close() {}

func (k keyed) Finish(wait time.Duration) Outcome { return k.Step(wait) }

func (k keyed) Step(wait time.Duration) Outcome {
	session, err := DialScenario(k.address, wait)
	if err != nil {
		return of(err)
	}
	defer session.Close()
	s := session.(*scenario)
	if outcome := s.start("datagram-late delay=0", wait); outcome.Result != Done {
		return retryable(outcome)
	}
	var body struct{ Key string }
	if err := json.Unmarshal(s.line[len("echod-agent/1 ok"):], &body); err != nil {
		return Outcome{Wrong, err.Error()}
	}
	conn, err := net.Dial("udp", k.address)
	if err != nil {
		return of(err)
	}
	defer conn.Close()
	conn.Write(append([]byte(body.Key), make([]byte, 200)...))
	buf := make([]byte, 2048)
	conn.SetReadDeadline(time.Now().Add(wait))
	n, err := conn.Read(buf)
	if err == nil && string(buf[:n]) != body.Key {
		return Outcome{Wrong, fmt.Sprintf("got a datagram of %d bytes, want the key", n)}
	}
	return retryable(of(err))
}

// retryable turns a failed run into Waiting, because another run can be started.
func retryable(o Outcome) Outcome {
	if o.Result == Reset || o.Result == Early {
		return Outcome{Waiting, o.Text}
	}
	return o
}
