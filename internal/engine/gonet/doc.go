// Package gonet is the engine "net": Go's own net package and a goroutine for
// each connection. It is where the story starts, for here a server is what one
// would say it is: wait for a caller, and give back what the caller sends.
//
// Read stream.go first: it is the whole service. Then, outwards:
//
//	conn.go        a connection: how it starts, and its one honest end
//	receive.go     how it waits without a buffer, and for one
//	accept.go      waiting for callers, and what may go wrong with that
//	secure.go      the same under TLS, and how that comes to an honest end
//	wire.go        the connection below TLS
//	handshake.go   what comes before, and who may not come in
//	peek_linux.go  how a unix socket, too, comes to an honest end
//	pass_linux.go  what is done when memory is spent
//	packet.go      the same service on datagrams
//	janitor.go     callers who keep us waiting too long
//	books.go       what was moved in all, and peers.go by whom
//	listen.go      sockets to wait on
//	network.go     where they come from
//	server.go      all of it, from Serve to Shutdown
//
// What the goroutines hide, because the runtime does it for them, is waiting
// for many callers at once. The engines of package reactor do that by hand.
package gonet
