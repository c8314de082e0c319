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
	{"stream/size-sweep", []Class{Timeout},
		"an MTU hole: a tunnel or VPN whose MTU is smaller than the ends believe, and a firewall that drops the ICMP which would tell them",
		"let ICMP \"fragmentation needed\" and \"packet too big\" pass, clamp the MSS (iptables -j TCPMSS --clamp-mss-to-pmtu), or lower the MTU"},
	{"stream/bulk", []Class{Corrupt, ExtraBytes},
		"a buffer that is used again too early, or memory or a network card that changes bits (checksum offload)",
		"run directly and through the path; turn the offloads off (ethtool -K IF rx off tx off) and run again"},
	{"stream/bulk", []Class{Timeout},
		"a deadlock: a loop that blocks in writing one direction does not read the other, and the other side does the same",
		"make the sockets non-blocking, or give each direction a thread of its own"},
	{"stream/bulk", []Class{PrematureEOF, Reset},
		"a limit on the bytes or the time of a connection",
		"lift the limit; where it is meant, keep --bulk below it"},
	{"stream/half-close", []Class{PrematureEOF, Reset, Timeout},
		"a proxy or tunnel that takes the client's FIN for the end of both directions",
		"nginx stream: proxy_half_close on; socat: a longer -t; others: forward the FIN and go on reading"},
	{"stream/half-close-late", []Class{PrematureEOF, Reset},
		"a timeout for half-closed connections, or a proxy that takes the client's FIN for the end of both directions",
		"nginx stream: proxy_half_close on; socat: a longer -t; haproxy: a longer timeout client-fin; others: lengthen the timeout after a FIN"},
	{"stream/half-close-owed", []Class{PrematureEOF, Reset, Timeout},
		"the connection is closed on the client's FIN, or a short time after it, with bytes unsent (socat: after -t seconds, 0.5 if not told)",
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
	{"stream/zero-window", []Class{PrematureEOF, Reset},
		"a timeout on each write, or a limit on how long a window may stay closed (haproxy: timeout client; nginx: proxy_timeout)",
		"lengthen it beyond the pauses that clients make"},
	{"stream/zero-window", []Class{Timeout},
		"the window's opening is not noticed, or not passed on",
		"look with tcpdump whether window updates and probes cross the path"},
	{"stream/idle", []Class{Silent},
		"a NAT, firewall or load balancer that forgets silent connections and tells nobody (Azure: 4 min, AWS: 350 s)",
		"send keepalives more often than that, or have it reset what it forgets (Azure: enableTcpReset)"},
	{"stream/concurrency", []Class{Timeout},
		"more clients at once than the accept queue has room for, so that some wait in vain (socat's backlog is 5); or clients served one after another",
		"lengthen the backlog (socat: backlog=128; sysctl net.core.somaxconn bounds it); serve each connection without waiting for another"},
	{"stream/concurrency", []Class{Refused, Reset},
		"a limit on connections or descriptors",
		"raise the limit (ulimit -n), or lower --conns if it is meant"},
	{"stream/close-latency", []Class{Late, Silent},
		"a lingering close, or a proxy that waits before it passes the FIN on",
		"close as soon as all was read and written"},
	{"stream/refused", []Class{Reset, PrematureEOF, Silent},
		"a proxy or tunnel that accepts before it has reached the server (docker-proxy, ssh -L, most TCP proxies)",
		"have health checks ask for an answer, not for a connection only"},
	{"stream/refused", []Class{Timeout},
		"a firewall that drops instead of rejecting",
		"reject (iptables -j REJECT --reject-with tcp-reset)"},
	{"tls/half-close", []Class{Truncated, Reset},
		"the socket is closed without shutting TLS down",
		"send close_notify first (SSL_shutdown; Go: tls.Conn.Close)"},
	{"tls/half-close", []Class{PrematureEOF, Timeout},
		"the client's close_notify is taken for the end of both directions, as up to TLS 1.2 it was",
		"go on writing after it (RFC 8446, section 6.1), or speak TLS 1.3"},
	{"tls/truncation", []Class{Truncated},
		"every end of file counts as a close_notify",
		"tell them apart (OpenSSL: SSL_R_UNEXPECTED_EOF_WHILE_READING; Go's crypto/tls does not between two records) and close the socket without close_notify"},
	{"tls/truncation", []Class{Silent},
		"the FIN below TLS goes unnoticed",
		"read on until the end of the stream"},
	{"datagram/exact", []Class{Truncated},
		"a receive buffer smaller than the datagram",
		"receive into 64 KiB"},
	{"datagram/exact", []Class{Silent},
		"fragments dropped on the path, an empty datagram taken for nothing, or a size limit",
		"let fragments pass or send less than the path's MTU; answer empty datagrams, too"},
	{"datagram/source", []Class{WrongSource},
		"a server bound to every address leaves the choice of source to the kernel, or answers from a second socket",
		"answer from the address that was asked (IP_PKTINFO, IPV6_PKTINFO), on the same socket"},
	{"datagram/order-loss", []Class{Silent},
		"a limit on datagrams that mutes a source which sends fast",
		"raise the limit, or drop only what is above it"},
	{"datagram/nat-idle", []Class{Silent},
		"a NAT, firewall or UDP proxy that forgets a silent mapping (Linux: after 30 s if only one side has spoken, else after 2 min; RFC 4787 asks for 2 min at least)",
		"send something more often than that, or lengthen it (Linux: sysctl net.netfilter.nf_conntrack_udp_timeout)"},
	{"datagram/loop-guard", []Class{Answered},
		"every source is answered, whatever its port",
		"do not answer ports below 1024, or do not serve UDP where others can reach it; a NAT on the way may also have given another port"},
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

// Cause is what is known about who breaks a rule, and what mends it.
type Cause struct {
	Classes []Class // the failures it explains; none means any
	Cause   string
	Remedy  string
}

// Causes are the causes of the rule's failures that are known. Of those that fit,
// a report tells the first.
func (r Rule) Causes() []Cause {
	var known []Cause
	for _, c := range causes {
		if c.rule == r.ID {
			known = append(known, Cause{c.classes, c.cause, c.remedy})
		}
	}
	return known
}
