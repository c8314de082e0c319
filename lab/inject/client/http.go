package client

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// page is a client of the admin address with one keep-alive connection.
type page struct {
	conn  net.Conn
	in    *bufio.Reader
	path  string
	owed  bool // a request has no answer yet
	last  Outcome
	check func(body string) error
}

// DialHTTP connects to an admin address, for requests of path. check returns an error if
// the body of an answer with status 200 is wrong.
func DialHTTP(address, path string, wait time.Duration, check func(body string) error) (Session, error) {
	conn, err := net.DialTimeout("tcp", address, wait)
	if err != nil {
		return nil, err
	}
	return &page{conn: conn, in: bufio.NewReader(conn), path: path, check: check}, nil
}

func (p *page) Close() { p.conn.Close() }

// Step sends one request. Every end of the connection is a Reset: an HTTP server may
// close, and a body has a length or an end mark.
func (p *page) Step(wait time.Duration) Outcome {
	if p.last.Over() {
		return p.last
	}
	p.conn.SetDeadline(time.Now().Add(wait))
	if !p.owed {
		p.owed = true
		if _, err := fmt.Fprintf(p.conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", p.path); err != nil {
			return p.end(of(err))
		}
	}
	if _, err := p.in.Peek(1); err != nil {
		return p.end(of(err))
	}
	p.owed = false
	answer, err := http.ReadResponse(p.in, nil)
	if err != nil {
		return p.end(incomplete(err))
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return p.end(incomplete(err))
	}
	if answer.StatusCode != http.StatusOK {
		return Outcome{Waiting, answer.Status + ": " + strings.TrimSpace(string(body))}
	}
	if err := p.check(string(body)); err != nil {
		return Outcome{Waiting, err.Error()}
	}
	return Outcome{}
}

// incomplete returns the outcome of an answer that is not complete. The client does not
// wait for the rest.
func incomplete(err error) Outcome { return Outcome{Reset, err.Error()} }

func (p *page) Finish(wait time.Duration) Outcome { return p.Step(wait) }

func (p *page) end(o Outcome) Outcome {
	if o.Result == Early {
		o = Outcome{Reset, "closed"}
	}
	if o.Over() {
		p.last = o
	}
	return o
}
