package errno

import (
	"net"
	"os"
	"syscall"
	"testing"
)

// The numbers are those of "Windows Sockets Error Codes" and "System Error Codes".
func TestPOSIXTranslatesWinsockNumbers(t *testing.T) {
	tests := []struct {
		name   string
		number syscall.Errno
		want   syscall.Errno
	}{
		{"WSAEACCES", 10013, syscall.EACCES},
		{"WSAEMFILE", 10024, syscall.EMFILE},
		{"WSAEMSGSIZE", 10040, syscall.EMSGSIZE},
		{"WSAEADDRINUSE", 10048, syscall.EADDRINUSE},
		{"WSAEADDRNOTAVAIL", 10049, syscall.EADDRNOTAVAIL},
		{"WSAENETDOWN", 10050, syscall.ENETDOWN},
		{"WSAENETUNREACH", 10051, syscall.ENETUNREACH},
		{"WSAENETRESET", 10052, syscall.ENETRESET},
		{"WSAECONNABORTED", 10053, syscall.ECONNABORTED},
		{"WSAECONNRESET", 10054, syscall.ECONNRESET},
		{"WSAENOBUFS", 10055, syscall.ENOBUFS},
		{"WSAENOTCONN", 10057, syscall.ENOTCONN},
		{"WSAESHUTDOWN", 10058, syscall.EPIPE},
		{"WSAETIMEDOUT", 10060, syscall.ETIMEDOUT},
		{"WSAECONNREFUSED", 10061, syscall.ECONNREFUSED},
		{"WSAEHOSTDOWN", 10064, syscall.EHOSTDOWN},
		{"WSAEHOSTUNREACH", 10065, syscall.EHOSTUNREACH},
		{"ERROR_NETNAME_DELETED", 64, syscall.ECONNRESET},
		{"ERROR_SEM_TIMEOUT", 121, syscall.ETIMEDOUT},
		{"WSAEINVAL, which is not in the table", 10022, 10022},
	}
	for _, tt := range tests {
		if got := POSIX(tt.number); got != tt.want {
			t.Errorf("%s: got %d (%v), want %d (%v)", tt.name, got, got, tt.want, tt.want)
		}
		err := &net.OpError{Op: "read", Err: os.NewSyscallError("wsarecv", tt.number)}
		if got := Of(err); got != tt.want {
			t.Errorf("%s in an error of package net: got %d, want %d", tt.name, got, tt.want)
		}
	}
	if got := len(tests) - 1; got != len(winsock) {
		t.Errorf("%d numbers are tested, the table has %d", got, len(winsock))
	}
}
