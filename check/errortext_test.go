package check

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"echod/internal/dial"
)

// callsThatFail returns errors as package net makes them: for every error number, and for
// every error that is not a number, bare, of each call, wrapped and joined.
func callsThatFail() []error {
	local, remote := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 49738}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7}
	reasons := []error{
		os.ErrDeadlineExceeded, context.DeadlineExceeded, context.Canceled, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
		io.ErrClosedPipe, os.ErrPermission, os.ErrNotExist, &net.DNSError{Err: "i/o timeout", Name: "x.test", IsTimeout: true},
		&net.DNSError{Err: "no such host", Name: "x.test", IsNotFound: true}, tls.AlertError(42), errors.New("two\nlines"),
	}
	for number := syscall.Errno(1); number < 134; number++ {
		reasons = append(reasons, number)
	}
	var all []error
	for _, reason := range reasons {
		for _, call := range []string{"dial", "read", "write", "close", "remote error"} {
			op := &net.OpError{Op: call, Net: "tcp", Source: local, Addr: remote, Err: os.NewSyscallError(call, reason)}
			once := fmt.Errorf("sending: %w", op)
			all = append(all, reason, op, once, errors.Join(once, once, op), &dial.HandshakeError{Err: op},
				fmt.Errorf("connect: %w", &dial.HandshakeError{Err: errors.Join(op, reason)}))
		}
	}
	return all
}

// leaks returns what a report must not contain that text contains; "" if nothing.
func leaks(text string) string {
	for _, leak := range []string{"->", "i/o timeout", "use of closed network connection", "deadline exceeded", "49738"} {
		if strings.Contains(text, leak) {
			return leak
		}
	}
	return ""
}

func TestNoFormatContainsTheTextOfAnErrorOfAnotherPackage(t *testing.T) {
	for _, err := range callsThatFail() {
		results := []Result{
			newResult(firstByte, "", err),
			newResult(firstByte, "", connectFailure(fmt.Errorf("connect: %w", err))),
			newResult(firstByte, "", (&stream{timeout: time.Second}).readError(err, 7)),
			newResult(firstByte, "", (&stream{timeout: time.Second}).callError("sending", err)),
			newResult(firstByte, "", inCase("1 B", atOnce(3, func(int) error { return err }))),
			newResult(firstByte, "", skipBecause(err)),
		}
		report := &Report{Target: Target{Network: "tcp", Address: "192.0.2.1:7"}, Results: results}
		compared := Compare(report, report)
		for name, write := range map[string]func(io.Writer) error{
			"text": func(w io.Writer) error { return report.WriteText(w, false) },
			"json": report.WriteJSON, "junit": report.WriteJUnit, "tap": report.WriteTAP,
			"text of a comparison": func(w io.Writer) error { return compared.WriteText(w, false) },
			"json of a comparison": compared.WriteJSON,
		} {
			var text strings.Builder
			write(&text)
			if leak := leaks(text.String()); leak != "" {
				t.Fatalf("%v: %s contains %q:\n%s", err, name, leak, &text)
			}
		}
		for _, result := range results {
			if strings.ContainsAny(result.Detail, "\r\n") || result.Detail == "" {
				t.Errorf("%v: got %q, want one line", err, result.Detail)
			}
		}
	}
}

func TestPlainText(t *testing.T) {
	op := func(call string, err error) error {
		return &net.OpError{Op: call, Net: "tcp", Source: &net.TCPAddr{Port: 1}, Addr: &net.TCPAddr{Port: 2}, Err: err}
	}
	reset := fmt.Errorf("before the FIN: %w", op("write", os.NewSyscallError("write", syscall.ECONNRESET)))
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"a deadline", fmt.Errorf("connect: %w", op("dial", os.ErrDeadlineExceeded)), "connect: no answer within the timeout"},
		{"a reset", reset, "before the FIN: the connection was reset"},
		{"the same three times", errors.Join(reset, reset, reset), "before the FIN: the connection was reset"},
		{"two errors", errors.Join(reset, errors.New("other")), "before the FIN: the connection was reset; other"},
		{"no descriptors", op("dial", os.NewSyscallError("socket", syscall.EMFILE)), "this machine has no free descriptor (ulimit -n)"},
		{"an unknown name", op("dial", &net.DNSError{Err: "no such host", Name: "x.test"}), `the name "x.test" cannot be resolved`},
		{"only the text of an error", errors.New("agent: read tcp 127.0.0.1:1->127.0.0.1:2: i/o timeout"), "agent: read tcp: no answer within the timeout"},
		{"our own words", errors.New("an echo answers there"), "an echo answers there"},
		{"a number that is rare", op("read", os.NewSyscallError("read", syscall.EINVAL)), "invalid argument"},
	}
	for _, tt := range tests {
		if got := plainText(tt.err); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestErrorsOfSeveralConnectionsAreOneLineWithTheirNumber(t *testing.T) {
	err := atOnce(4, func(i int) error {
		if i == 0 {
			return nil
		}
		return fmt.Errorf("connect: %w", syscall.EMFILE)
	})
	got := newResult(concurrency, "", err)
	if want := "3 of 4 failed, the first with: connect: this machine has no free descriptor (ulimit -n)"; got.Detail != want || got.Class != Local {
		t.Errorf("got %s %q, want %s %q", got.Class, got.Detail, Local, want)
	}
}

func TestAWrongByteOnOneOfSeveralConnectionsIsTheFailure(t *testing.T) {
	err := atOnce(3, func(i int) error {
		f := fail(Timeout, "nothing arrived")
		if i == 1 {
			f = failAt(7, Corrupt, "byte 7 differs")
			f.received = []byte("x")
		}
		return f
	})
	if got := newResult(concurrency, "", err); got.Class != Corrupt || got.Offset != 7 {
		t.Errorf("got %s at %d, want %s at 7", got.Class, got.Offset, Corrupt)
	}
}
