package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Pair is a certificate and its private key (ECDSA on P-256).
type Pair struct {
	Cert *x509.Certificate
	Key  crypto.Signer
}

// throwAway is the organization in the subject of every test certificate. It shows the
// purpose of the certificate to everybody who finds one in the wrong place.
const throwAway = "throw-away, for tests only"

// clockSkew is how long before its creation a certificate is valid, for machines whose
// clocks are behind.
const clockSkew = 5 * time.Minute

// NewCA returns a new certificate authority that is valid until end. It can sign servers
// and clients, but no other CA. Each has a random name, because a client selects its
// certificate by the name of the CA.
func NewCA(end time.Time) (Pair, error) {
	template := x509.Certificate{
		Subject:               subject("echod test CA " + rand.Text()[:8]),
		NotAfter:              end,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	return sign(template, nil)
}

// NewServer returns a new server certificate that ca has signed. Each name is a host
// name, where * stands for one label, or an IP address. The certificate is valid until
// end, but not longer than ca.
func (ca Pair) NewServer(end time.Time, names ...string) (Pair, error) {
	template := x509.Certificate{
		Subject:     subject("echod test server"),
		NotAfter:    end,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if addr, err := netip.ParseAddr(name); err == nil {
			template.IPAddresses = append(template.IPAddresses, net.IP(addr.AsSlice()))
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return sign(template, &ca)
}

// NewClient returns a new client certificate that ca has signed. It is valid until end,
// but not longer than ca.
func (ca Pair) NewClient(end time.Time) (Pair, error) {
	return sign(x509.Certificate{
		Subject:     subject("echod test client"),
		NotAfter:    end,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, &ca)
}

func subject(name string) pkix.Name {
	return pkix.Name{CommonName: name, Organization: []string{throwAway}}
}

// sign returns a new key and its certificate. Without a ca it signs itself.
func sign(template x509.Certificate, ca *Pair) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("make a key: %w", err)
	}
	if ca == nil {
		ca = &Pair{&template, key}
	}
	if template.NotAfter.After(ca.Cert.NotAfter) {
		template.NotAfter = ca.Cert.NotAfter
	}
	template.NotBefore = time.Now().Add(-clockSkew)
	der, err := x509.CreateCertificate(rand.Reader, &template, ca.Cert, key.Public(), ca.Key)
	if err != nil {
		return Pair{}, fmt.Errorf("make a certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	return Pair{cert, key}, err
}
