package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// CheckPEM returns what is wrong with a file of PEM: a block that is incomplete,
// text after the last block, a certificate that is none. Go's readers skip all
// that, and so take half of a file that is still being written.
func CheckPEM(text []byte) error {
	_, err := decode(text)
	return err
}

// ParsePool reads the CAs to trust from a file of PEM, all of which must be whole.
func ParsePool(text []byte) (*x509.CertPool, error) {
	all, err := decode(text)
	if err == nil && len(all) == 0 {
		err = errNoCertificate
	}
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, cert := range all {
		pool.AddCert(cert)
	}
	return pool, nil
}

var errNoCertificate = errors.New("no certificate in it; want PEM blocks that begin with -----BEGIN CERTIFICATE-----")

// decode returns the certificates of a file. There may be text before a block
// (RFC 7468, section 5.2), but not after the last one, and blocks of other kinds.
func decode(text []byte) ([]*x509.Certificate, error) {
	begun, ended := boundaries(text, "-----BEGIN "), boundaries(text, "-----END ")
	var all []*x509.Certificate
	whole := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(text) {
		whole++
		text = rest
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("PEM block %d: %w", whole, err)
		}
		all = append(all, cert)
	}
	if want := max(begun, ended); whole != want {
		return nil, fmt.Errorf("incomplete or damaged: %d of %d PEM blocks are whole", whole, want)
	}
	if whole > 0 && len(bytes.TrimSpace(text)) > 0 {
		return nil, fmt.Errorf("incomplete or damaged: text after PEM block %d, the last", whole)
	}
	return all, nil
}

// boundaries counts the lines that begin like that.
func boundaries(text []byte, start string) int {
	n := bytes.Count(text, []byte("\n"+start))
	if bytes.HasPrefix(text, []byte(start)) {
		n++
	}
	return n
}
