package lab

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"
)

// client is the client's side of an experiment: a socket, or TLS on one.
type client interface {
	net.Conn
	CloseWrite() error
	SetLinger(seconds int) error
	ending(n int64, err error) string // after n bytes a read returned err; nil for the end of the stream
	truncate() error                  // half-closes the socket, with TLS without close_notify
}

// dial connects to a URL with a timeout.
func dial(url string) (client, error) {
	address, secure := strings.CutPrefix(url, "tls://")
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(address, "tcp://"), experimentTimeout)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(experimentTimeout))
	socket := tcpClient{conn.(*net.TCPConn)}
	if !secure {
		return socket, nil
	}
	c := &tlsClient{socket: socket}
	c.Conn = tls.Client(finConn{socket.TCPConn, &c.fin}, &tls.Config{InsecureSkipVerify: true}) // check verifies it
	if err := c.Handshake(); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

type tcpClient struct{ *net.TCPConn }

func (c tcpClient) ending(n int64, err error) string { return ending(n, err) }
func (c tcpClient) truncate() error                  { return c.CloseWrite() }

// tlsClient is a client with TLS.
type tlsClient struct {
	*tls.Conn
	socket tcpClient
	fin    atomic.Bool // the socket has received a FIN
	resets bool        // the close is a reset
}

// finConn records a FIN in fin: crypto/tls returns io.EOF for it and for a close_notify.
type finConn struct {
	*net.TCPConn
	fin *atomic.Bool
}

func (c finConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if err == io.EOF {
		c.fin.Store(true)
	}
	return n, err
}

var errBareFIN = errors.New("a FIN without close_notify")

func (c *tlsClient) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if (err == io.EOF || err == io.ErrUnexpectedEOF) && c.fin.Load() {
		err = errBareFIN
	}
	return n, err
}

func (c *tlsClient) SetLinger(seconds int) error {
	c.resets = true
	return c.socket.SetLinger(seconds)
}

func (c *tlsClient) Close() error {
	if c.resets {
		return c.socket.Close()
	}
	return c.Conn.Close()
}

func (c *tlsClient) ending(n int64, err error) string {
	if err == nil {
		return fmt.Sprintf("%d bytes and a close_notify", n)
	}
	return ending(n, err)
}

func (c *tlsClient) truncate() error { return c.socket.CloseWrite() }
