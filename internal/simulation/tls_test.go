//go:build linux

package simulation

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"time"
)

// certificate is the configuration of all tls listeners. Its signatures always have the same
// size, so the same seed sends the same number of bytes.
var certificate = sync.OnceValue(func() *tls.Config {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		panic(err)
	}
	return &tls.Config{
		Certificates:     []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}},
		CurvePreferences: []tls.CurveID{tls.X25519}, // the cheapest
		MinVersion:       tls.VersionTLS13,
	}
})

// hello is the first record of a correct client, oldHello of one with a version that the service
// does not support.
var (
	hello    = sync.OnceValue(func() []byte { return firstRecord(tls.VersionTLS13) })
	oldHello = sync.OnceValue(func() []byte { return firstRecord(tls.VersionTLS12) })
)

func firstRecord(version uint16) []byte {
	var sent recording
	tls.Client(&sent, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, MaxVersion: version}).Handshake()
	return sent.Bytes()
}

// recording is a connection that only records what is written.
type recording struct {
	net.Conn
	bytes.Buffer
}

func (r *recording) Read([]byte) (int, error)           { return 0, io.EOF }
func (r *recording) Write(p []byte) (int, error)        { return r.Buffer.Write(p) }
func (r *recording) Close() error                       { return nil }
func (r *recording) SetWriteDeadline(_ time.Time) error { return nil }

// tlsClient is a client that sends, half-closes, and reads to the end.
type tlsClient struct {
	at     time.Time
	sent   []byte
	proper bool // else it sends a FIN without close_notify

	mu       sync.Mutex
	received []byte
	err      error // nil after close_notify
	over     bool
	close    func()
}

// startTLSClient starts a client that sends n bytes.
func (r *run) startTLSClient(n int) {
	if _, ok := r.specs["tls"]; !ok {
		return
	}
	c := &tlsClient{at: time.Now(), proper: n%4 > 0, sent: bytes.Repeat([]byte{byte('a' + n%26)}, n), close: func() {}}
	r.clients = append(r.clients, c)
	go c.talk(network{r.m}, r.specs["tls"].Addr.Port())
}

func (c *tlsClient) talk(on network, port uint16) {
	conn, err := on.dial(port)
	if err == nil {
		c.mu.Lock()
		c.close = func() { conn.Close() }
		c.mu.Unlock()
		err = c.exchange(tls.Client(conn, &tls.Config{InsecureSkipVerify: true}))
		conn.Close()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err, c.over = err, true
}

func (c *tlsClient) exchange(conn *tls.Conn) error {
	if err := conn.Handshake(); err != nil {
		return err
	}
	wrote := make(chan error, 1)
	go func() {
		_, err := conn.Write(c.sent)
		switch {
		case err != nil:
		case c.proper:
			err = conn.CloseWrite()
		default:
			err = conn.NetConn().(tcpConn).CloseWrite()
		}
		if err != nil {
			conn.NetConn().Close()
		}
		wrote <- err
	}()
	var err error
	for buf := make([]byte, 1000); err == nil; {
		var n int
		n, err = conn.Read(buf)
		c.mu.Lock()
		c.received = append(c.received, buf[:n]...)
		c.mu.Unlock()
	}
	if err == io.EOF {
		err = nil
	} else {
		conn.NetConn().Close()
	}
	return errors.Join(err, <-wrote)
}

// checkClients checks what each client is promised. over: all of them have had the time to end.
// live: nothing has disturbed them.
func (r *run) checkClients(when string, over, live bool) {
	for i, c := range r.clients {
		c.mu.Lock()
		switch {
		case !bytes.HasPrefix(c.sent, c.received):
			r.problem("%s: tls client %d: received %d bytes that are no prefix of the %d it sent", when, i, len(c.received), len(c.sent))
		case c.over && c.err == nil && len(c.received) != len(c.sent):
			r.problem("%s: tls client %d: close_notify after %d of %d bytes", when, i, len(c.received), len(c.sent))
		case c.over && c.err == nil && !c.proper:
			r.problem("%s: tls client %d: a FIN without close_notify was answered by close_notify", when, i)
		case r.isLate(c.at) && len(c.received) > 0:
			r.problem("%s: tls client %d: connected %v after SIGTERM and was served", when, i, c.at.Sub(r.stopped))
		case over && !c.over:
			r.problem("%s: tls client %d: has not ended: received %d of %d bytes", when, i, len(c.received), len(c.sent))
		case live && c.proper && c.err != nil:
			r.problem("%s: tls client %d: made no mistake and got %v", when, i, c.err)
		}
		c.mu.Unlock()
	}
}

func (r *run) closeClients() {
	for _, c := range r.clients {
		c.mu.Lock()
		c.close()
		c.mu.Unlock()
	}
}

// notTLS returns what a peer sends to a tls listener that is not a correct client.
func notTLS(n int) []byte {
	switch n % 4 {
	case 0:
		return nil // silence
	case 1:
		return hello()[:len(hello())*(n%7+1)/7] // a part of a handshake, or all of its first record
	case 2:
		return oldHello()
	}
	return bytes.Repeat([]byte("GET / "), 1+n%100)
}
