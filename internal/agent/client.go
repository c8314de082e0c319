package agent

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"echod/internal/dial"
)

// Client sends requests to an agent. Each call makes one connection. The error is a
// *Refusal if the agent refuses the request.
type Client struct {
	Target  dial.Target   // tcp or tls
	Token   Secret        // the zero value sends none
	Timeout time.Duration // of the connect, and of the answer
}

// Params are the parameters of a scenario. docs/agent.md has their names.
type Params map[string]int

// Conn is a connection on which the agent runs a scenario. The lines of the protocol
// have been read and written.
type Conn struct {
	net.Conn
	ID  string // for Client.Report
	Key string // the first bytes of the datagram, for a scenario with datagrams

	limits runAnswer
}

// AwaitDatagram waits until the agent has received the datagram with the key. The error is a
// *Refusal if the agent does not send to the source of the datagram.
func (c *Conn) AwaitDatagram() error {
	line, err := readLine(c)
	if err != nil {
		return err
	}
	_, err = parseAnswer(line)
	return err
}

// Hello returns what the agent supports. It fails if there is no agent, or if the agent
// does not accept the token.
func (c *Client) Hello(ctx context.Context) (Hello, error) {
	var hello Hello
	err := c.ask(ctx, verbHello, nil, 0, &hello)
	return hello, err
}

// Start makes the agent run a scenario. Count counts the runs of one group; "" is no
// group.
func (c *Client) Start(ctx context.Context, scenario, group string, params Params) (*Conn, error) {
	id := rand.Text()
	r := c.request(verbRun, map[string]string{"id": id})
	r.scenario = scenario
	if group != "" {
		r.params["group"] = group
	}
	for key, n := range params {
		r.params[key] = strconv.Itoa(n)
	}
	conn, body, err := c.open(ctx, r, 0)
	if err != nil {
		return nil, err
	}
	var answer runAnswer
	if body != "" {
		err = json.Unmarshal([]byte(body), &answer)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("the agent's answer to %s: %w", verbRun, err)
	}
	return &Conn{conn, id, answer.Key, answer}, nil
}

// Report returns what the agent saw of a run. It waits until the run has ended, but not
// longer than wait and MaxWait. The report of a run that has not ended has the end Open.
func (c *Client) Report(ctx context.Context, id string, wait time.Duration) (Report, error) {
	var report Report
	wait = min(wait, MaxWait)
	ms := strconv.FormatInt(wait.Milliseconds(), 10)
	err := c.ask(ctx, verbReport, map[string]string{"id": id, "wait": ms}, wait, &report)
	return report, err
}

// Count returns how many runs of a group are active.
func (c *Client) Count(ctx context.Context, group string) (int, error) {
	var n countAnswer
	err := c.ask(ctx, verbCount, map[string]string{"group": group}, 0, &n)
	return n.Open, err
}

func (c *Client) request(verb string, params map[string]string) request {
	r := request{version: Version, verb: verb, token: c.Token, params: make(map[string]string)}
	for key, value := range params {
		r.params[key] = value
	}
	return r
}

// ask makes one connection for one answer. It ignores fields that a later agent adds.
func (c *Client) ask(ctx context.Context, verb string, params map[string]string, wait time.Duration, answer any) error {
	conn, body, err := c.open(ctx, c.request(verb, params), wait)
	if err != nil {
		return err
	}
	conn.Close()
	if err := json.Unmarshal([]byte(body), answer); err != nil {
		return fmt.Errorf("the agent's answer to %s: %w", verb, err)
	}
	return nil
}

// open connects, sends r, and reads the first line of the answer.
func (c *Client) open(ctx context.Context, r request, wait time.Duration) (net.Conn, string, error) {
	dialCtx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	conn, err := c.Target.Dial(dialCtx)
	if err != nil {
		return nil, "", fmt.Errorf("the agent cannot be reached: %w", err)
	}
	release := context.AfterFunc(ctx, func() { dial.Transport(conn).Close() })
	defer release()
	conn.SetDeadline(time.Now().Add(c.Timeout + wait))
	_, err = io.WriteString(conn, r.line()+"\n")
	var line string
	if err == nil {
		line, err = readLine(conn)
	}
	if err != nil {
		conn.Close()
		return nil, "", noAnswer(err, c.Token.redact(line))
	}
	body, err := parseAnswer(line)
	if err != nil {
		conn.Close()
		_, err = parseAnswer(c.Token.redact(line)) // an echo server repeats the token
		return nil, "", err
	}
	conn.SetDeadline(time.Time{})
	return conn, body, nil
}

// readLine reads byte by byte, because what follows the line belongs to the scenario.
func readLine(r io.Reader) (string, error) {
	var line []byte
	for b := make([]byte, 1); len(line) < 4*MaxLine; {
		if _, err := io.ReadFull(r, b); err != nil {
			return string(line), err
		}
		if b[0] == '\n' {
			return string(line), nil
		}
		line = append(line, b[0])
	}
	return string(line), nil
}

// noAnswer is the error when the connection ends before the end of the first line.
func noAnswer(err error, line string) error {
	if start := line[:min(len(line), len(protocol))]; !strings.HasPrefix(protocol, start) {
		return notAnAgent(line)
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("the connection was closed")
	}
	return fmt.Errorf("the agent does not answer: %w", err)
}

func notAnAgent(line string) error {
	return fmt.Errorf("not an agent: the answer starts with %.40q", line)
}

// parseAnswer parses the first line of an answer without its end. It returns what
// follows the ok, or a *Refusal.
func parseAnswer(line string) (string, error) {
	head, rest, _ := strings.Cut(line, " ")
	version, err := parseVersion(head)
	if err != nil {
		return "", notAnAgent(line)
	}
	word, rest, _ := strings.Cut(rest, " ")
	switch word {
	case "ok":
		return rest, nil
	case "error":
		kind, text, _ := strings.Cut(rest, " ")
		return "", &Refusal{Kind: Kind(kind), Text: text, version: version}
	}
	return "", notAnAgent(line)
}
