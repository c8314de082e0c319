package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// terminate starts a TLS terminator that forwards to an address. It turns an end without
// close_notify into a reset, and a reset into an end without close_notify; if it hides them,
// into orderly ends.
func terminate(t *testing.T, to string, hides bool) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	l := listen(t)
	go func() {
		for {
			near, err := l.AcceptTCP()
			if err != nil {
				return
			}
			go terminateOne(near, to, config, hides)
		}
	}()
	return l.Addr().String()
}

func terminateOne(near *net.TCPConn, to string, config *tls.Config, hides bool) {
	defer near.Close()
	var fin atomic.Bool
	secure := tls.Server(finConn{near, &fin}, config)
	conn, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	far := conn.(*net.TCPConn)
	defer far.Close()
	up, down := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := io.Copy(far, secure)
		if err == nil && fin.Load() {
			err = io.ErrUnexpectedEOF
		}
		up <- err
	}()
	go func() {
		_, err := io.Copy(secure, far)
		down <- err
	}()
	for range 2 {
		select {
		case err = <-up:
			if err == nil || hides {
				far.CloseWrite()
			}
		case err = <-down:
			if err == nil || hides {
				secure.CloseWrite()
			}
		}
		if err != nil && !hides {
			near.SetLinger(0)
			far.SetLinger(0)
			return
		}
	}
	secure.CloseWrite()
}
