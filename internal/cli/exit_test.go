package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"
)

func TestWrongPathIsAUsageErrorAndAnUnreadableFileIsNot(t *testing.T) {
	tests := []struct {
		err  error
		want Code
	}{
		{errors.New("server.pem: no certificate"), Usage},
		{syscall.ENOENT, Usage},
		{fs.ErrNotExist, Usage},
		{syscall.ENOTDIR, Usage},
		{syscall.EISDIR, Usage},
		{syscall.ENAMETOOLONG, Usage},
		{syscall.EMFILE, Failed},
		{syscall.ENFILE, Failed},
		{syscall.ENOMEM, Failed},
		{syscall.EIO, Failed},
		{syscall.EACCES, Failed},
	}
	for _, tt := range tests {
		err := fmt.Errorf("--tls-ca: %w", &os.PathError{Op: "open", Path: "ca.pem", Err: tt.err})
		if got := codeOf(fileError(err)); got != tt.want {
			t.Errorf("%v: got exit code %d, want %d", err, got, tt.want)
		}
	}
}
