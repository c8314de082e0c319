package certs

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestIncompletePEMIsRefused truncates a file of two certificates at every byte. A
// truncation at the end of a block cannot be detected.
func TestIncompletePEMIsRefused(t *testing.T) {
	ca, server, _ := newPairs(t)
	one := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Cert.Raw})
	both := append(ca.CertPEM(), one...)
	first := len(ca.CertPEM())
	for n := range both {
		_, err := ParsePool(both[:n])
		// The newline after the last block is optional.
		if valid := n == first || n == first-1 || n == len(both)-1; (err == nil) != valid {
			t.Errorf("%d of %d bytes: got %v, want valid %t", n, len(both), err, valid)
		}
	}
	// The name of the CA, in the comment before the block, is random.
	damaged := bytes.Replace(both, []byte("\nMI"), []byte("\nM!"), 1)
	swapped := bytes.Replace(both, []byte("-----END CERTIFICATE"), []byte("-----END CERTIFICAT"), 1)
	tests := []struct {
		name string
		text []byte
		want string // the error; "" for none
	}{
		{"two", both, ""},
		{"with text before each", append(append([]byte("# comment\n"), one...), ca.CertPEM()...), ""},
		{"with Windows line ends", bytes.ReplaceAll(both, []byte("\n"), []byte("\r\n")), ""},
		{"with blank lines after it", append(both[:len(both):len(both)], " \n\n"...), ""},
		{"with text after it", append(both[:len(both):len(both)], "garbage"...), "incomplete or damaged: text after the last PEM block, number 2"},
		{"with the first damaged", damaged, "incomplete or damaged: 1 of 2 PEM blocks are complete"},
		{"with an invalid end", swapped, "incomplete or damaged: 1 of 2 PEM blocks are complete"},
		{"without its first line", bytes.Replace(both, []byte("-----BEGIN CERTIFICATE-----\n"), nil, 1), "incomplete or damaged: 1 of 2 PEM blocks are complete"},
		{"without a certificate", keyPEM(t, ca), errNoCertificate.Error()},
		{"empty", nil, errNoCertificate.Error()},
		{"with an invalid certificate", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), "PEM block 1: x509: malformed certificate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if _, err := ParsePool(tt.text); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestIncompleteFileReplacesNothing writes half of a second block into each file.
func TestIncompleteFileReplacesNothing(t *testing.T) {
	for _, name := range []string{"cert.pem", "key.pem", "ca.pem"} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			s.put(s.server(1))
			files := s.files()
			files.ClientCA = filepath.Join(s.dir, "ca.pem")
			s.write(files.ClientCA, s.ca.CertPEM())
			store := s.open(files)
			before := store.current.Load()
			path := filepath.Join(s.dir, name)
			complete, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			second := append(complete, s.ca.CertPEM()...)
			s.write(path, second[:len(second)-40])
			store.Reload()
			if got := store.Status(); got.Failures != 1 || got.Reloads != 0 || store.current.Load() != before {
				t.Errorf("incomplete: got %+v, want one failure and the old certificate", got)
			}
			if log := s.log.String(); !strings.Contains(log, path+": incomplete or damaged") {
				t.Errorf("got this log, want the name of the file\n%s", log)
			}
			s.write(path, second)
			store.Reload()
			if got := store.Status(); got.Reloads != 1 {
				t.Errorf("complete: got %+v, want one reload", got)
			}
		})
	}
}

// FuzzPEM checks that no file causes a panic, and that no valid file has text after it.
func FuzzPEM(f *testing.F) {
	f.Add([]byte("-----BEGIN X-----\n-----END X-----\n"))
	f.Add([]byte("-----BEGIN X-----\nK: v\n\nAA==\n-----END X-----"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if CheckPEM(text) != nil {
			return
		}
		if _, err := ParsePool(append(text, "\n-----BEGIN "...)); err == nil {
			t.Error("half a block after it: got no error")
		}
		tls.X509KeyPair(text, text)
	})
}
