package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// Files are where a server's certificate is, in PEM.
type Files struct {
	Cert     string // the certificate, and behind it those of the CAs in between
	Key      string // its private key
	ClientCA string // the CAs of which a client must have a certificate; "" asks for none
}

// contents is what the files held at one moment.
type contents struct {
	cert, key, clientCA string
	trouble             string // why they could not be read
	errno               syscall.Errno
}

// readError is why a file could not be read.
type readError struct {
	text  string
	errno syscall.Errno // 0 if it was no system call that failed
}

func (e *readError) Error() string { return e.text }

func (e *readError) Unwrap() error {
	if e.errno == 0 {
		return nil
	}
	return e.errno
}

// largest is how much of a file is read: certificates have a few KiB, and the CAs
// of a whole system some hundreds.
const largest = 4 << 20

func (f Files) read() contents {
	var c contents
	for _, file := range []struct {
		name string
		text *string
	}{{f.Cert, &c.cert}, {f.Key, &c.key}, {f.ClientCA, &c.clientCA}} {
		if file.name == "" {
			continue
		}
		text, err := readFile(file.name)
		if err != nil {
			number, _ := errors.AsType[syscall.Errno](err)
			return contents{trouble: err.Error(), errno: number}
		}
		*file.text = text
	}
	return c
}

func readFile(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, largest+1))
	if err == nil && len(text) > largest {
		err = fmt.Errorf("%s is no PEM file of a certificate: it has more than %d bytes", name, largest)
	}
	return string(text), err
}

// config is how a server uses what the files held, or what is wrong with it. The
// files' names are for that.
func (c contents) config(f Files, least uint16) (*tls.Config, error) {
	if c.trouble != "" {
		return nil, &readError{c.trouble, c.errno}
	}
	for _, file := range []struct{ name, text string }{{f.Cert, c.cert}, {f.Key, c.key}} {
		if err := CheckPEM([]byte(file.text)); err != nil {
			return nil, fmt.Errorf("%s: %w", file.name, err)
		}
	}
	pair, err := tls.X509KeyPair([]byte(c.cert), []byte(c.key))
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", f.Cert, f.Key, err)
	}
	if err := timely(pair.Leaf, time.Now()); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Cert, err)
	}
	config := &tls.Config{MinVersion: least, Certificates: []tls.Certificate{pair}}
	if f.ClientCA != "" {
		config.ClientAuth = tls.RequireAndVerifyClientCert
		if config.ClientCAs, err = ParsePool([]byte(c.clientCA)); err != nil {
			return nil, fmt.Errorf("%s: %w", f.ClientCA, err)
		}
	}
	return config, nil
}

// timely reports whether cert is good at now, which no client would forgive.
func timely(cert *x509.Certificate, now time.Time) error {
	switch {
	case now.After(cert.NotAfter):
		return fmt.Errorf("the certificate has expired, on %s", cert.NotAfter.UTC().Format(time.DateTime+" MST"))
	case now.Before(cert.NotBefore):
		return fmt.Errorf("the certificate is good only from %s", cert.NotBefore.UTC().Format(time.DateTime+" MST"))
	}
	return nil
}
