package check

// These are the causes of an answer from another address, in every rule.
var sourceChanged = Cause{
	Classes:  []Class{WrongSource},
	Evidence: []Evidence{SourceChanged},
	Meaning:  "The answers change their source in the middle of an exchange, so that firewalls and connected sockets drop them from then on.",
	Text:     "a NAT or a load balancer that changes the mapping of a source which is in use, or a server that was replaced by one on another port",
	Remedy:   "keep a mapping while datagrams pass; increase its timeout and the number of ports; answer from the socket that received the datagram",
}
var otherSource = Cause{
	Classes: []Class{WrongSource},
	Text:    "a server bound to all addresses lets the kernel choose the source, or answers from a second socket",
	Remedy:  "answer from the address that received the datagram (IP_PKTINFO, IPV6_PKTINFO), on the same socket",
}

// These are the causes of a wrong content in every rule.
var joinedDatagrams = Cause{
	Classes: []Class{ExtraBytes},
	Text:    "a server or a proxy that reads datagrams into a stream, and sends what came together as one datagram",
	Remedy:  "send each datagram on its own, with the length that it had",
}
var changedAnswer = Cause{
	Classes: []Class{Corrupt, Truncated},
	Text:    "a server of another protocol, or a program on the path that changes the content",
	Remedy:  "serve a plain echo (RFC 862); disable what rewrites datagrams, e.g. an application-level gateway of a NAT",
}

// smallBuffer is the cause of an answer that lost its end.
var smallBuffer = Cause{
	Classes: []Class{Truncated},
	Text:    "a receive buffer that is smaller than the datagram",
	Remedy:  "receive into 64 KiB",
}

// otherClient is the cause when a socket receives what another one has sent.
var otherClient = Cause{
	Classes:  []Class{Corrupt},
	Evidence: []Evidence{OtherConnection},
	Meaning:  "Datagrams of one client are sent to another: clients see each other's data.",
	Text:     "a buffer that is filled again before it was sent, or an address that is overwritten by that of the next client",
	Remedy:   "keep the bytes and the address of a datagram together until it is sent; give each thread its own buffer",
}

// These are the causes when nothing comes back, from the start or from some moment on.
var sourceLimit = Cause{
	Classes:  []Class{Silent},
	Evidence: []Evidence{SourceLimit},
	Meaning:  "Only the first datagrams of a client are answered.",
	Text:     "a server that answers a client once, a limit on the datagrams of one source, or a mapping (NAT, load balancer) that ends too early",
	Remedy:   "answer every datagram; raise the limit, or drop only what exceeds it; keep a mapping while datagrams pass",
}
var serverStopped = Cause{
	Classes:  []Class{Silent},
	Evidence: []Evidence{Stopped},
	Meaning:  "The server, or the path to it, stops during the check.",
	Text:     "a server that ends, or waits forever, after a number of datagrams; less often, a path that was cut",
	Remedy:   "see whether the server still runs, and what it logs; a datagram socket must go on after any error",
}
var lateAnswer = Cause{
	Classes: []Class{Late},
	Meaning: "Answers are right, and come later than the timeout.",
	Text:    "a long queue, on the path or in the server, that is full",
	Remedy:  "shorten the queue, or send less; a longer --timeout if the path is that slow",
}
var nothingBack = Cause{
	Classes:  []Class{Silent},
	Evidence: []Evidence{NothingPassed},
	Text:     "the server has stopped, or it limits the rate of each source",
	Remedy:   "see whether the server still runs, and what it logs",
}
