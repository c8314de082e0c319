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

// Client asks an agent. Each call makes one connection; its error says in the
// client's words what is wrong, a *Refusal if the agent does not do what it is
// asked for.
type Client struct {
	Address string        // host:port
	Token   Secret        // what the agent asks for, if it does
	Timeout time.Duration // for connecting, and again for an answer
}

// Params are what a scenario is told, by the names in docs/agent.md.
type Params map[string]int

// Acting is a connection on which a scenario has begun: the agent has said so,
// and every byte from here on is the scenario's.
type Acting struct {
	net.Conn
	ID  string // to ask for the report with
	Key string // what the first datagram must begin with, if the scenario is about those
}

// Arrived waits for the agent to say that the datagram with the key has come. The
// error is a *Refusal if it will send nothing there.
func (a *Acting) Arrived() error {
	line, err := readLine(a)
	if err != nil {
		return err
	}
	_, err = parseAnswer(line)
	return err
}

// Hello asks whether an agent is there that lets this client in.
func (c *Client) Hello(ctx context.Context) (Hello, error) {
	var hello Hello
	err := c.ask(ctx, verbHello, nil, 0, &hello)
	return hello, err
}

// Start has the agent act out a scenario. Runs of one group are counted by
// Count; "" is no group.
func (c *Client) Start(ctx context.Context, scenario, group string, params Params) (*Acting, error) {
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
	var told opening
	if body != "" {
		err = json.Unmarshal([]byte(body), &told)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("the agent's answer to %s: %w", verbRun, err)
	}
	return &Acting{conn, id, told.Key}, nil
}

// Report is what the agent saw of a run. It waits for its end, up to wait and up to
// MaxWait; a run that goes on then has the end Open.
func (c *Client) Report(ctx context.Context, id string, wait time.Duration) (Report, error) {
	var report Report
	wait = min(wait, MaxWait)
	ms := strconv.FormatInt(wait.Milliseconds(), 10)
	err := c.ask(ctx, verbReport, map[string]string{"id": id, "wait": ms}, wait, &report)
	return report, err
}

// Count is how many runs of a group go on.
func (c *Client) Count(ctx context.Context, group string) (int, error) {
	var n counted
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

// ask makes one connection for one answer. Read is what is known of it; fields
// that a later agent adds are passed over.
func (c *Client) ask(ctx context.Context, verb string, params map[string]string, wait time.Duration, read any) error {
	conn, body, err := c.open(ctx, c.request(verb, params), wait)
	if err != nil {
		return err
	}
	conn.Close()
	if err := json.Unmarshal([]byte(body), read); err != nil {
		return fmt.Errorf("the agent's answer to %s: %w", verb, err)
	}
	return nil
}

// open connects, sends r and reads the one line that the agent answers first.
func (c *Client) open(ctx context.Context, r request, wait time.Duration) (net.Conn, string, error) {
	dialing, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	conn, err := dial.Target{Network: "tcp", Address: c.Address}.Dial(dialing)
	if err != nil {
		return nil, "", fmt.Errorf("the agent cannot be reached: %w", err)
	}
	release := context.AfterFunc(ctx, func() { conn.Close() })
	defer release()
	conn.SetDeadline(time.Now().Add(c.Timeout + wait))
	_, err = io.WriteString(conn, r.line()+"\n")
	var line string
	if err == nil {
		line, err = readLine(conn)
	}
	if err != nil {
		conn.Close()
		return nil, "", unanswered(err, c.Token.hide(line))
	}
	body, err := parseAnswer(line)
	if err != nil {
		conn.Close()
		_, err = parseAnswer(c.Token.hide(line)) // an echo would repeat the token
		return nil, "", err
	}
	conn.SetDeadline(time.Time{})
	return conn, body, nil
}

// readLine reads byte by byte: what follows the line is the scenario's.
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

func unanswered(err error, line string) error {
	// An agent, too, may be cut off or run out of time within its answer.
	if begun := line[:min(len(line), len(protocol))]; !strings.HasPrefix(protocol, begun) {
		return notAnAgent(line)
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("the connection was closed")
	}
	return fmt.Errorf("the agent does not answer: %w", err)
}

func notAnAgent(line string) error {
	return fmt.Errorf("no agent answers there, but something that says %.40q", line)
}

// parseAnswer reads the agent's first line without its end: what stands behind
// its ok, or its *Refusal.
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
