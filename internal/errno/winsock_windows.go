package errno

import "syscall"

// winsock maps the error numbers of Windows Sockets to POSIX. The numbers are
// from "Windows Sockets Error Codes" (winsock2.h).
var winsock = map[syscall.Errno]syscall.Errno{
	10013: syscall.EACCES,
	10024: syscall.EMFILE,
	10040: syscall.EMSGSIZE,
	10048: syscall.EADDRINUSE,
	10049: syscall.EADDRNOTAVAIL,
	10050: syscall.ENETDOWN,
	10051: syscall.ENETUNREACH,
	10052: syscall.ENETRESET,
	10053: syscall.ECONNABORTED,
	10054: syscall.ECONNRESET,
	10055: syscall.ENOBUFS,
	10057: syscall.ENOTCONN,
	10058: syscall.EPIPE, // WSAESHUTDOWN
	10060: syscall.ETIMEDOUT,
	10061: syscall.ECONNREFUSED,
	10064: syscall.EHOSTDOWN,
	10065: syscall.EHOSTUNREACH,

	// What the completion port reports instead.
	syscall.ERROR_NETNAME_DELETED: syscall.ECONNRESET,
	121:                           syscall.ETIMEDOUT, // ERROR_SEM_TIMEOUT
}
