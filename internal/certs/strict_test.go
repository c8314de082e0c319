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

// TestPEMIsReadWholeOrNotAtAll cuts a file of two certificates everywhere: only
// where a block has just ended can nobody tell that something is missing.
func TestPEMIsReadWholeOrNotAtAll(t *testing.T) {
	ca, server, _ := made(t)
	one := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Cert.Raw})
	both := append(ca.CertPEM(), one...)
	first := len(ca.CertPEM())
	for n := range both {
		_, err := ParsePool(both[:n])
		// The line's end after the last dashes is not needed.
		if good := n == first || n == first-1 || n == len(both)-1; (err == nil) != good {
			t.Errorf("%d of %d bytes: got %v, want it %v", n, len(both), err, map[bool]string{true: "taken", false: "refused"}[good])
		}
	}
	damaged := bytes.Replace(both, []byte("MI"), []byte("M!"), 1)
	swapped := bytes.Replace(both, []byte("-----END CERTIFICATE"), []byte("-----END CERTIFICAT"), 1)
	tests := []struct {
		name string
		text []byte
		want string // "" if it is to be taken
	}{
		{"two", both, ""},
		{"with text before each", append(append([]byte("# ours\n"), one...), ca.CertPEM()...), ""},
		{"with the ends of lines of Windows", bytes.ReplaceAll(both, []byte("\n"), []byte("\r\n")), ""},
		{"with blank lines behind it", append(both[:len(both):len(both)], " \n\n"...), ""},
		{"with text behind it", append(both[:len(both):len(both)], "garbage"...), "incomplete or damaged: text after PEM block 2, the last"},
		{"with the first damaged", damaged, "incomplete or damaged: 1 of 2 PEM blocks are whole"},
		{"with another end", swapped, "incomplete or damaged: 1 of 2 PEM blocks are whole"},
		{"without a certificate", keyPEM(t, ca), errNoCertificate.Error()},
		{"empty", nil, errNoCertificate.Error()},
		{"with what is no certificate", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), "PEM block 1: x509: malformed certificate"},
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

// TestHalfWrittenFileReplacesNothing: a second CA, a certificate in between or
// the key is not all there yet.
func TestHalfWrittenFileReplacesNothing(t *testing.T) {
	for _, name := range []string{"cert.pem", "key.pem", "ca.pem"} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			s.put(s.server(1))
			files := s.files()
			files.ClientCA = filepath.Join(s.dir, "ca.pem")
			s.write(files.ClientCA, s.ca.CertPEM())
			store := s.open(files)
			before := store.served.Load()
			path := filepath.Join(s.dir, name)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			second := append(whole, s.ca.CertPEM()...)
			s.write(path, second[:len(second)-40])
			store.Reload()
			if got := store.Status(); got.Failures != 1 || got.Reloads != 0 || store.served.Load() != before {
				t.Errorf("half a second block: got %+v, want it refused and the old one served", got)
			}
			if log := s.log.String(); !strings.Contains(log, path+": incomplete or damaged") {
				t.Errorf("the log does not say which file: %s", log)
			}
			s.write(path, second)
			store.Reload()
			if got := store.Status(); got.Reloads != 1 {
				t.Errorf("the whole of it: got %+v, want it taken", got)
			}
		})
	}
}

// FuzzPEM: no file makes it panic, and of what it takes every certificate counts.
func FuzzPEM(f *testing.F) {
	f.Add([]byte("-----BEGIN X-----\n-----END X-----\n"))
	f.Add([]byte("-----BEGIN X-----\nK: v\n\nAA==\n-----END X-----"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if CheckPEM(text) != nil {
			return
		}
		if _, err := ParsePool(append(text, "\n-----BEGIN "...)); err == nil {
			t.Error("half a block behind it is taken")
		}
		tls.X509KeyPair(text, text)
	})
}
