// Package check reports whether an echo service, and the path to it, is honest:
// that what was sent comes back, all of it, unaltered, and that the end of a
// stream means what it says.
//
// [Run] puts a [Target] through the [Rules] that fit its network and returns a
// [Report]. Each rule sends something over real sockets and looks at what comes
// back; a failure says what was seen, at which byte, what that means and, where
// it is known, who tends to cause it and what mends it.
//
// Every byte is made from a seed, so that a report can be repeated.
package check

//go:generate go run echod/internal/rulesdoc ../docs/rules.md
