// Package reactor holds the engines that wait for readiness: select, poll and
// epoll. They are one reactor with three pollers.
//
// A reactor asks the kernel which descriptors could be read or written without
// waiting, and does just that much. Everything here follows from it: sockets
// are non-blocking, one thread serves thousands of peers, and a peer that is
// not ready costs nothing but its place in the poller's list.
//
// Where to read what:
//
//	select.go poll.go epoll.go   three ways to ask the kernel; read two side by side
//	poller.go                    what they have in common
//	loop.go                      one turn: wait, serve who is ready, bury who has ended
//	stream.go                    what serving a stream means: receive, send, owe
//	hold.go                      the memory for bytes owed, and what happens when there is none
//	conn.go                      what is remembered of a connection: 64 bytes
//	accept.go                    the listener, and how it rests when the kernel is out of something
//	deadline.go                  stalled and silent peers
//	packet.go datagram.go        datagrams, in batches
//	mail.go                      how others wake a loop, hand it work and ask it
//	census.go                    who is there: the busiest, and those who take nothing
//	server.go drain.go           several loops as one engine.Server, and its end
package reactor
