package sock

import "syscall"

// soOOBInline is SO_OOBINLINE of winsock2.h.
const soOOBInline = 0x0100

// handle is a descriptor as package syscall wants it.
func handle(fd uintptr) syscall.Handle { return syscall.Handle(fd) }

// CanRecv reports whether Recv, Peek and Send are available. They are not: here a socket
// cannot be read without waiting.
const CanRecv = false

// Recv is not available.
func (Calls) Recv(uintptr, []byte) (int, syscall.Errno) { panic("sock: Recv without CanRecv") }

// Peek is not available.
func (Calls) Peek(uintptr, []byte) (int, syscall.Errno) { panic("sock: Peek without CanRecv") }

// Send is not available.
func (Calls) Send(uintptr, []byte) (int, syscall.Errno) { panic("sock: Send without CanRecv") }
