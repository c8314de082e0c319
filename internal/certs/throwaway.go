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

// throwAway is the organization in every subject made here: whoever meets one of
// these certificates where it does not belong shall see what it is.
const throwAway = "throw-away, for tests only"

// early is how long before its making a certificate is valid already, so that
// machines whose clocks are a little behind take it.
const early = 5 * time.Minute

// NewCA makes a certificate authority that is valid until end. It signs servers
// and clients, and no other authority. Each has a name of its own: clients choose
// the certificate to show by the name of who signed it.
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

// NewServer makes a certificate, signed by ca, for a server of these names, each
// a host name or an address; *.example.test stands for one label. It is valid
// until end, and no longer than ca.
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

// NewClient makes a certificate, signed by ca, by which a client proves that it
// is one. It is valid until end, and no longer than ca.
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

// sign makes a key, and of template its certificate: signed by ca or, without
// one, by itself.
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
	template.NotBefore = time.Now().Add(-early)
	der, err := x509.CreateCertificate(rand.Reader, &template, ca.Cert, key.Public(), ca.Key)
	if err != nil {
		return Pair{}, fmt.Errorf("make a certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	return Pair{cert, key}, err
}
