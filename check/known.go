package check

import "slices"

// causes are what is known about who breaks which rule how, and what mends it.
// The first that fits is told.
var causes = []struct {
	rule    string
	classes []Class // none means any
	cause   string
	remedy  string
}{
	{"stream/first-byte", []Class{Timeout},
		"a store-and-forward proxy, or one that sniffs the first bytes for a protocol",
		"turn buffering and protocol detection off, or send more at first"},
	{"stream/no-unsolicited", []Class{ExtraBytes},
		"a greeting, or a PROXY protocol header that the server did not expect and echoes",
		"serve a plain echo; do not send the PROXY header to a server that does not read it (haproxy: no send-proxy)"},
	{"stream/no-unsolicited", []Class{PrematureEOF, Reset},
		"a server or a proxy that ends connections on which nothing is said, or whose own server is not there",
		"lengthen the idle timeout; look whether the server behind the proxy runs"},
	{"stream/half-close", []Class{PrematureEOF, Reset, Timeout},
		"a proxy or tunnel that takes the client's FIN for the end of both directions",
		"nginx stream: proxy_half_close on; socat: a longer -t; others: forward the FIN and go on reading"},
	{"stream/half-close-late", []Class{PrematureEOF, Reset},
		"a timeout for half-closed connections, or a proxy that takes the client's FIN for the end of both directions",
		"nginx stream: proxy_half_close on; socat: a longer -t; haproxy: a longer timeout client-fin; others: lengthen the timeout after a FIN"},
	{"stream/half-close-owed", []Class{PrematureEOF, Reset, Timeout},
		"the connection is closed on the client's FIN, or a short time after it, with bytes unsent",
		"nginx stream: proxy_half_close on; socat: a longer -t; others: write what is owed before closing"},
	{"stream/fin-only", []Class{Reset},
		"the socket is closed with SO_LINGER 0, or before all input was read",
		"read to the end of the stream, then close"},
	{"stream/fin-only", []Class{Silent},
		"the end of a stream that carried nothing goes unnoticed, or is not passed on",
		"treat a read of 0 bytes as the end, and forward it"},
	{"stream/no-early-fin", []Class{PrematureEOF, Reset},
		"a server that answers once and closes, or a short idle timeout",
		"loop until the client ends the stream (RFC 862); lengthen the idle timeout"},
	{"stream/server-fin", []Class{PrematureEOF, Reset},
		"a proxy that takes the server's FIN for the end of both directions",
		"nginx stream: proxy_half_close on; socat: a longer -t; others: forward the FIN and go on reading from the client"},
	{"stream/server-fin", []Class{Silent},
		"a proxy that forwards a server's FIN only when the client has sent its own",
		"forward each FIN when it comes (shutdown with SHUT_WR)"},
	{"stream/rst-to-server", []Class{PrematureEOF},
		"a proxy that closes its other connection in order whatever ended the first",
		"close it with SO_LINGER 0 when a read or a write failed with a reset"},
	{"stream/rst-to-client", []Class{PrematureEOF},
		"a proxy that closes its other connection in order whatever ended the first",
		"close it with SO_LINGER 0 when a read or a write failed with a reset"},
	{"stream/rst-after-data", []Class{PrematureEOF},
		"a proxy that closes its other connection in order whatever ended the first",
		"close it with SO_LINGER 0 when a read or a write failed with a reset"},
	{"stream/churn", []Class{Silent},
		"a proxy that forgets to forward the end, or to close a connection that both sides have ended",
		"forward each FIN, and close both connections once both directions have ended"},
	{"stream/backpressure", nil,
		"reading goes on while writing cannot",
		"stop reading while bytes are owed: the client's own flow control then holds it back"},
	{"stream/slow-reader", []Class{PrematureEOF, Reset},
		"a timeout on each write or on the whole connection",
		"count a timeout from the last byte that moved, and lengthen it"},
	{"stream/concurrency", []Class{Timeout},
		"one loop with blocking writes, or clients served one after another",
		"make the sockets non-blocking, or give each connection a thread of its own"},
	{"stream/concurrency", []Class{Refused, Reset},
		"a limit on connections or descriptors",
		"raise the limit (ulimit -n), or lower --conns if it is meant"},
	{"stream/close-latency", []Class{Late, Silent},
		"a lingering close, or a proxy that waits before it passes the FIN on",
		"close as soon as all was read and written"},
	{"datagram/exact", []Class{Truncated},
		"a receive buffer smaller than the datagram",
		"receive into 64 KiB"},
	{"datagram/exact", []Class{Silent},
		"fragments dropped on the path, an empty datagram taken for nothing, or a size limit",
		"let fragments pass or send less than the path's MTU; answer empty datagrams, too"},
	{"datagram/source", []Class{WrongSource},
		"a server bound to every address leaves the choice of source to the kernel, or answers from a second socket",
		"answer from the address that was asked (IP_PKTINFO, IPV6_PKTINFO), on the same socket"},
}

// known is the cause and the remedy of a failure; "" where nothing is known.
func known(rule string, class Class) (cause, remedy string) {
	for _, c := range causes {
		if c.rule == rule && (c.classes == nil || slices.Contains(c.classes, class)) {
			return c.cause, c.remedy
		}
	}
	return "", ""
}
