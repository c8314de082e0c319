package echotest_test

import (
	"net"
	"os"
	"testing"

	"echod/echotest"
)

// TestAddrIsWhatNetDials: also where the URL writes it otherwise.
func TestAddrIsWhatNetDials(t *testing.T) {
	dir, err := os.MkdirTemp("", "a b%")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("TMPDIR", dir)
	server := echotest.NewUnixServer(t)
	conn, err := net.Dial("unix", server.Addr())
	if err != nil {
		t.Fatalf("%s: %v", server.URL(), err)
	}
	conn.Close()
}
