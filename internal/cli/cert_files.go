package cli

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"echod/internal/certs"
	"echod/internal/usage"
)

// The files of cert, in its directory.
const (
	caCert     = "ca.pem"
	caKey      = "ca-key.pem"
	serverCert = "server.pem"
	serverKey  = "server-key.pem"
	clientCert = "client.pem"
	clientKey  = "client-key.pem"
)

// certFile is one file that is to be written.
type certFile struct {
	path  string
	text  []byte
	mode  fs.FileMode
	what  string    // a description
	names []string  // of the server, if it is the server's certificate
	end   time.Time // when a certificate ends
}

func (f *certFlags) path(name string) string { return filepath.Join(f.dir, name) }

// files makes the contents of all files, and writes nothing. Without names, it uses those
// of the certificate that is replaced, or of this machine.
func (f *certFlags) files(names []string) ([]certFile, error) {
	if info, err := os.Stat(f.dir); err != nil || !info.IsDir() {
		return nil, usage.New("--dir: "+f.dir+" is not a directory", "want a directory that exists")
	}
	if f.renew {
		return f.renewed(names)
	}
	if len(names) == 0 {
		names = thisMachine
	}
	ca, err := certs.NewCA(f.end())
	if err != nil {
		return nil, err
	}
	files, err := f.pair(nil, ca, caCert, caKey, "the CA, for clients to trust")
	if err != nil {
		return nil, err
	}
	if files, err = f.signed(files, ca, names); err != nil {
		return nil, err
	}
	return files, f.checkFree(files)
}

func (f *certFlags) end() time.Time { return time.Now().AddDate(0, 0, f.days) }

// renewed makes new certificates with the existing CA.
func (f *certFlags) renewed(names []string) ([]certFile, error) {
	ca, err := f.readCA()
	if err != nil {
		return nil, fileError(fmt.Errorf("--renew: %w", err))
	}
	for _, name := range []string{serverCert, clientCert} {
		old, err := f.signedBefore(name, ca)
		if err != nil {
			return nil, err
		}
		if old != nil && name == serverCert && len(names) == 0 {
			names = namesOf(old)
		}
	}
	if len(names) == 0 {
		names = thisMachine
	}
	return f.signed(nil, ca, names)
}

// readCA reads the existing CA.
func (f *certFlags) readCA() (certs.Pair, error) {
	cert, err := os.ReadFile(f.path(caCert))
	if err != nil {
		return certs.Pair{}, err
	}
	key, err := os.ReadFile(f.path(caKey))
	if err != nil {
		return certs.Pair{}, err
	}
	ca, err := certs.ParseCA(cert, key)
	if err == nil && time.Now().After(ca.Cert.NotAfter) {
		err = errors.New("the CA has expired; --force makes a new one")
	}
	if err != nil {
		return certs.Pair{}, fmt.Errorf("%s: %w", f.path(caCert), err)
	}
	return ca, nil
}

// signedBefore returns the certificate in a file, nil if there is none. It is an error if
// ca did not sign it, so that no other certificate is replaced.
func (f *certFlags) signedBefore(name string, ca certs.Pair) (*x509.Certificate, error) {
	text, err := os.ReadFile(f.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fileError(fmt.Errorf("--renew: %w", err))
	}
	cert, err := certs.ParseCert(text)
	if err != nil || cert.CheckSignatureFrom(ca.Cert) != nil {
		return nil, usage.New("--renew: "+f.path(name)+" is not signed by "+f.path(caCert), "want another --dir, or --force to replace all files")
	}
	return cert, nil
}

func namesOf(cert *x509.Certificate) []string {
	names := cert.DNSNames
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// signed adds the certificates that ca signs: for a server and, with --client, for clients.
func (f *certFlags) signed(files []certFile, ca certs.Pair, names []string) ([]certFile, error) {
	server, err := ca.NewServer(f.end(), names...)
	if err != nil {
		return nil, err
	}
	at := len(files)
	if files, err = f.pair(files, server, serverCert, serverKey, "for the server "+strings.Join(names, " ")); err != nil {
		return nil, err
	}
	files[at].names = names
	if !f.client {
		return files, nil
	}
	client, err := ca.NewClient(f.end())
	if err != nil {
		return nil, err
	}
	return f.pair(files, client, clientCert, clientKey, "for clients")
}

// pair adds a certificate and its key.
func (f *certFlags) pair(files []certFile, p certs.Pair, cert, key, what string) ([]certFile, error) {
	text, err := p.KeyPEM()
	return append(files,
		certFile{path: f.path(cert), text: p.CertPEM(), mode: 0o644, what: what, end: p.Cert.NotAfter},
		certFile{path: f.path(key), text: text, mode: 0o600, what: "its key, which is secret"}), err
}

// checkFree returns an error if a file exists, unless --force was given.
func (f *certFlags) checkFree(files []certFile) error {
	for _, file := range files {
		if _, err := os.Lstat(file.path); err == nil && !f.force {
			return usage.New(file.path+" exists", "add --renew to keep the CA, --force to replace all files, or --dir DIR")
		}
	}
	return nil
}

// writeCerts writes all files under temporary names before it renames any: no file is
// read half written, and nothing is replaced unless everything could be written.
func writeCerts(files []certFile) error {
	var written []string
	defer func() {
		for _, name := range written {
			os.Remove(name) // fails for those that are renamed already
		}
	}()
	for _, file := range files {
		name, err := writeTemp(file)
		if name != "" {
			written = append(written, name)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", file.path, causeOf(err))
		}
	}
	for i, file := range files {
		if err := os.Rename(written[i], file.path); err != nil {
			return fmt.Errorf("write %s: %w", file.path, causeOf(err))
		}
	}
	return nil
}

// writeTemp writes a file under a temporary name in its directory, and returns that
// name, "" if no file was created.
func writeTemp(file certFile) (string, error) {
	temp, err := createTemp(file.path, file.mode)
	if err != nil {
		return "", err
	}
	_, err = temp.Write(file.text)
	return temp.Name(), errors.Join(err, temp.Sync(), temp.Close())
}
