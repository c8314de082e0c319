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

// An experiment says what a rule says with a client and a far end of a few
// lines each, and nothing of check: what both find is no mistake of check's.
// It returns what it saw, and whether that is how it should be.
type experiment struct {
	closed bool               // the client goes where nobody listens
	far    func(*net.TCPConn) // the far end of each connection; it may leave it open
	client func(address string, seen <-chan string) (saw string, honest bool)
}

// way is two addresses that lead through a program: one to the far end, and one
// to a port where nobody listens.
type way struct{ open, closed string }

// Times is how often an experiment is made: some programs are in a race.
const Times = 3

// Confirmation is what experiments said about one rule.
type Confirmation struct {
	Failed int // of Times
	Saw    string
}

func (c Confirmation) String() string {
	return fmt.Sprintf("%d of %d: %s", c.Failed, Times, c.Saw)
}

// patience is how long an experiment waits for anything.
const patience = 8 * time.Second

// plain makes the experiment for rule on the way to far. ok is false if there is
// none for this rule.
func plain(rule string, through way, far *net.TCPListener) (c Confirmation, ok bool) {
	e, ok := experiments[rule]
	if !ok {
		return Confirmation{}, false
	}
	address := through.open
	if e.closed {
		address = through.closed
	}
	for range Times {
		saw, honest := e.once(address, far)
		if !honest {
			c.Failed++
		}
		if !honest || c.Saw == "" {
			c.Saw = saw
		}
	}
	return c, true
}

func (e experiment) once(address string, listener *net.TCPListener) (string, bool) {
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
			conn.SetDeadline(time.Now().Add(patience))
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			go func() {
				if e.far != nil {
					e.far(conn)
				}
				saw := drain(conn)
				select {
				case seen <- saw:
				default:
				}
			}()
		}
	}()
	saw, honest := e.client(address, seen)
	listener.SetDeadline(time.Now())
	<-ended
	mu.Lock()
	defer mu.Unlock()
	for _, conn := range conns {
		conn.Close()
	}
	return saw, honest
}

// drain reads to the end and says what came: "12 bytes and a FIN".
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
		how = fmt.Sprintf("nothing for the rest of %v", patience)
	case err != nil:
		how = err.Error()
	}
	return fmt.Sprintf("%d bytes and %s", n, how)
}

// dial connects with patience.
func dial(address string) (*net.TCPConn, error) {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(patience))
	return conn.(*net.TCPConn), nil
}

// with makes a client of what is done on one connection.
func with(talk func(*net.TCPConn, <-chan string) (string, bool)) func(string, <-chan string) (string, bool) {
	return func(address string, seen <-chan string) (string, bool) {
		conn, err := dial(address)
		if err != nil {
			return err.Error(), false
		}
		defer conn.Close()
		return talk(conn, seen)
	}
}

// theFarEnd waits for what the far end saw of the one connection.
func theFarEnd(seen <-chan string) string {
	select {
	case saw := <-seen:
		return saw
	case <-time.After(patience):
		return "no end within " + patience.String()
	}
}

func payload(n int) []byte { return bytes.Repeat([]byte("matrix! "), n/8) }
