package check

import (
	"echod/internal/dial"
	"echod/internal/usage"
)

// UsageError is the caller's mistake, found before anything was sent: what is
// wrong, and what would be right.
type UsageError = usage.Error

// UnreachableError says that there is nothing to check: not one connection
// could be made, or not one datagram was answered. Its Class is Refused, Timeout,
// DNS, Unreachable, TLS or Local, or "" if that is unknown.
type UnreachableError = dial.UnreachableError
