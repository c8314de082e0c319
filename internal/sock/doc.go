// Package sock leads from the URL of a listener to a bound socket: what to listen on ([Spec]),
// which options its sockets bear ([Options]), and the socket itself, made by
// hand through [sys.Kernel] or through Go's net package.
package sock
