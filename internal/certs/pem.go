package certs

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"
)

// CheckPEM returns an error if a PEM file has an incomplete block, text after the last
// block, or an invalid certificate. The parsers of Go skip such parts, so they accept the
// first half of a file that is still being written.
func CheckPEM(text []byte) error {
	_, err := decode(text)
	return err
}

// ParsePool parses the CAs in a PEM file. All of them must be valid.
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

var errNoCertificate = errors.New("no certificate: want PEM blocks that start with -----BEGIN CERTIFICATE-----")

// decode returns the certificates in a PEM file. Text before a block (RFC 7468, section
// 5.2) and blocks of other types are valid. Text after the last block is not.
func decode(text []byte) ([]*x509.Certificate, error) {
	begins, ends := countLines(text, "-----BEGIN "), countLines(text, "-----END ")
	var all []*x509.Certificate
	complete := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(text) {
		complete++
		text = rest
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("PEM block %d: %w", complete, err)
		}
		all = append(all, cert)
	}
	if want := max(begins, ends); complete != want {
		return nil, fmt.Errorf("incomplete or damaged: %d of %d PEM blocks are complete", complete, want)
	}
	if complete > 0 && len(bytes.TrimSpace(text)) > 0 {
		return nil, fmt.Errorf("incomplete or damaged: text after the last PEM block, number %d", complete)
	}
	return all, nil
}

// countLines returns the number of lines that start with start.
func countLines(text []byte, start string) int {
	n := bytes.Count(text, []byte("\n"+start))
	if bytes.HasPrefix(text, []byte(start)) {
		n++
	}
	return n
}

// comment is the first line of a PEM file. Parsers skip text before a block (RFC 7468,
// section 5.2).
const comment = "# %s: %s. Made by echod cert, valid until %s.\n"

// CertPEM returns the certificate as a file. Its first line says that it is for tests
// only.
func (p Pair) CertPEM() []byte {
	return p.encode("CERTIFICATE", p.Cert.Raw)
}

// KeyPEM returns the private key as a file, in PKCS #8.
func (p Pair) KeyPEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(p.Key)
	if err != nil {
		return nil, fmt.Errorf("encode the key: %w", err)
	}
	return p.encode("PRIVATE KEY", der), nil
}

func (p Pair) encode(kind string, der []byte) []byte {
	text := fmt.Sprintf(comment, p.Cert.Subject.CommonName, throwAway, p.Cert.NotAfter.UTC().Format(time.DateTime+" MST"))
	return append([]byte(text), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})...)
}

// ParseCA parses the files of a CA that [Pair.CertPEM] and [Pair.KeyPEM] returned. It
// refuses other CAs, so that a real CA cannot sign a test certificate by accident.
func ParseCA(cert, key []byte) (Pair, error) {
	if err := errors.Join(CheckPEM(cert), CheckPEM(key)); err != nil {
		return Pair{}, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return Pair{}, err
	}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	if made := pair.Leaf.Subject.Organization; !ok || !pair.Leaf.IsCA || !slices.Equal(made, []string{throwAway}) {
		return Pair{}, errors.New("not a CA made by echod cert")
	}
	return Pair{pair.Leaf, signer}, nil
}

// ParseCert parses the first certificate in a PEM file.
func ParseCert(text []byte) (*x509.Certificate, error) {
	all, err := decode(text)
	if err == nil && len(all) == 0 {
		err = errNoCertificate
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}
