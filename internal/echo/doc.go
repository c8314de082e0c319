// Package echo is the protocol with the I/O left out: what an echo service owes
// a stream ([Stream]) and which datagrams it may answer ([Guard]).
//
// Engines move bytes and ask here what comes next, so half-close, backpressure
// and the honest end are written once and tested without a socket.
//
// The source is RFC 862, "Echo Protocol", which fits on a page: send back what
// arrives, until the caller ends it.
package echo
