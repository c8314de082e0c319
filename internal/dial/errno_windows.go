package dial

import "syscall"

// Winsock's numbers: package syscall has names of its own for the POSIX ones,
// and they are other values.
var (
	errnoRefused     = []syscall.Errno{10061}
	errnoReset       = []syscall.Errno{10054, 10053, 10058, 10057}
	errnoUnreachable = []syscall.Errno{10051, 10065, 10050, 10064}
	errnoLocal       = []syscall.Errno{10024, 10055, 10049}
	errnoTooLong     = syscall.Errno(10040)
)
