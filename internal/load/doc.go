// Package load puts an echo service under load and measures what it answers, in
// a way that does not flatter it: in an open loop latency counts from the moment
// for which a message was scheduled, every byte is compared, and a run in which
// the generator itself was too slow says so.
package load
