package certs

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A file of PEM may have text before its block (RFC 7468, section 5.2), which
// readers skip and people read.
const comment = "# %s: %s. Made by echod cert, good until %s.\n"

// CertPEM is the certificate as a file, which says at its top that it is for
// tests only.
func (p Pair) CertPEM() []byte {
	return p.encode("CERTIFICATE", p.Cert.Raw)
}

// KeyPEM is the private key as a file, in PKCS #8.
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

// ParseCA reads back what [Pair.CertPEM] and [Pair.KeyPEM] wrote of an authority.
// One that was not made here is refused: nothing of a real one is to be signed by
// accident.
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
		return Pair{}, errors.New("no CA that echod cert made")
	}
	return Pair{pair.Leaf, signer}, nil
}

// ParseCert reads the first certificate of a file.
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
