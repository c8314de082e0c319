package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// experiment tests the same as a rule, with a client and a server of a few lines. It shares
// no code with check. So if both fail, check is not the cause. The client returns what it
// saw, and whether that is honest. It receives what the server saw of each connection.
type experiment struct {
	closed bool               // the client connects to a port where nothing listens
	server func(*net.TCPConn) // serves a connection; need not close it
	client func(url string, seen <-chan string) (saw string, honest bool)
}

// path has two URLs of a program, tcp://host:port or tls://host:port: it forwards one to the server of the experiment, and
// the other to a port where nothing listens.
type path struct{ open, closed string }

// Times is how often an experiment is made, because some results depend on timing.
const Times = 3

// Confirmation is the result of the experiments for one rule.
type Confirmation struct {
	Failed int    `json:"failed"` // of Times
	Saw    string `json:"saw"`
}

func (c Confirmation) String() string {
	return fmt.Sprintf("%d of %d: %s", c.Failed, Times, c.Saw)
}

// experimentTimeout is how long an experiment waits for an event.
const experimentTimeout = 8 * time.Second

// plain makes the experiment for rule, through a program that forwards to server. It returns
// false if there is no experiment for the rule.
func plain(rule string, through path, server *net.TCPListener) (c Confirmation, ok bool) {
	e, ok := experiments[rule]
	if !ok {
		return Confirmation{}, false
	}
	url := through.open
	if e.closed {
		url = through.closed
	}
	for range Times {
		saw, honest := e.once(url, server)
		if !honest {
			c.Failed++
		}
		if !honest || c.Saw == "" {
			c.Saw = saw
		}
	}
	return c, true
}

func (e experiment) once(url string, listener *net.TCPListener) (string, bool) {
	var (
		conns []net.Conn
		mu    sync.Mutex
		ended = make(chan struct{})
		seen  = make(chan string, 200)
	)
	listener.SetDeadline(time.Time{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.AcceptTCP()
			if err != nil {
				return
			}
			conn.SetDeadline(time.Now().Add(experimentTimeout))
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			go func() {
				if e.server != nil {
					e.server(conn)
				}
				saw := drain(conn)
				select {
				case seen <- saw:
				default:
				}
			}()
		}
	}()
	saw, honest := e.client(url, seen)
	listener.SetDeadline(time.Now())
	<-ended
	mu.Lock()
	defer mu.Unlock()
	for _, conn := range conns {
		conn.Close()
	}
	return saw, honest
}

// drain reads until the end, and returns e.g. "12 bytes and a FIN".
func drain(conn *net.TCPConn) string {
	n, err := io.Copy(io.Discard, conn)
	return ending(n, err)
}

func ending(n int64, err error) string {
	how := "a FIN"
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNRESET):
		how = "a reset"
	case errors.As(err, &timeout) && timeout.Timeout():
		how = fmt.Sprintf("nothing for the rest of %v", experimentTimeout)
	case err != nil:
		how = err.Error()
	}
	return fmt.Sprintf("%d bytes and %s", n, how)
}

// with returns a client with one connection.
func with(talk func(client, <-chan string) (string, bool)) func(string, <-chan string) (string, bool) {
	return func(url string, seen <-chan string) (string, bool) {
		conn, err := dial(url)
		if err != nil {
			return err.Error(), false
		}
		defer conn.Close()
		return talk(conn, seen)
	}
}

// serverResult waits for what the server saw of the connection.
func serverResult(seen <-chan string) string {
	select {
	case saw := <-seen:
		return saw
	case <-time.After(experimentTimeout):
		return "no end within " + experimentTimeout.String()
	}
}

func payload(n int) []byte { return bytes.Repeat([]byte("matrix! "), n/8) }
