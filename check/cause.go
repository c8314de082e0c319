package check

import "slices"

// Cause is a likely cause of a failure, and what fixes it.
type Cause struct {
	Classes  []Class    // the classes that it explains; none means any
	Evidence []Evidence // what must have been seen, one of these; none means anything
	Meaning  string     // what such a failure means, if it is not that of the rule
	Text     string
	Remedy   string
}

// fits reports whether the cause explains a failure with that class and evidence.
func (c Cause) fits(class Class, evidence Evidence) bool {
	return (len(c.Classes) == 0 || slices.Contains(c.Classes, class)) &&
		(len(c.Evidence) == 0 || slices.Contains(c.Evidence, evidence))
}

// cause returns the first likely cause of a failure: one of the rule or, if none of them
// fits, one that all rules for streams share. If only some connections failed, the cause is
// that of a server or a moment.
func (r Rule) cause(class Class, evidence Evidence) Cause {
	if evidence == SomeConnections {
		some, own := someConnections, r.cause(class, "")
		if own.Text != "" {
			some.Text += ": " + own.Text
			some.Remedy += "; then " + own.Remedy
		}
		return some
	}
	causes := r.Causes
	if !r.Fits("udp") {
		causes = slices.Concat(causes, commonCauses)
	}
	for _, c := range causes {
		if c.fits(class, evidence) {
			return c
		}
	}
	return Cause{}
}

// CommonCauses returns the likely causes of failures that every rule for streams may see.
func CommonCauses() []Cause { return slices.Clone(commonCauses) }

// someConnections is the cause if the same passed on other connections.
var someConnections = Cause{
	Evidence: []Evidence{SomeConnections},
	Meaning:  "Some connections are served, others are not.",
	Text:     "one of several servers behind the address is broken, or the fault comes and goes",
	Remedy:   "check each server by its own address: one that is broken fails always",
}

var commonCauses = []Cause{
	someConnections,
	{
		Classes:  []Class{Corrupt},
		Evidence: []Evidence{Moved},
		Meaning:  "The bytes are right, and some of them arrive in the wrong order.",
		Text:     "two threads or goroutines that write to one connection, a queue that does not keep the order, or parallel links below something that does not sort",
		Remedy:   "let one thread write each direction of a connection, or hold a lock from the read to the end of the write",
	},
	{
		Classes:  []Class{Corrupt},
		Evidence: []Evidence{OtherConnection},
		Meaning:  "Bytes of one client are sent to another: clients see each other's data.",
		Text:     "a buffer that connections share and that is filled again before it was sent, or a descriptor that was closed, opened again by another connection, and still written to",
		Remedy:   "give each connection its own buffer, or keep it until it is sent; close a descriptor only when nothing uses it",
	},
	{
		Classes:  []Class{Corrupt},
		Evidence: []Evidence{Repeated},
		Meaning:  "Some bytes arrive twice: the stream is longer than what was sent.",
		Text:     "a short write after which the whole buffer is written again",
		Remedy:   "after a short write, continue with the bytes that were not written",
	},
	{
		Classes:  []Class{Corrupt},
		Evidence: []Evidence{Missing},
		Meaning:  "Bytes of the stream are lost, and those after them arrive.",
		Text:     "a short write whose remaining bytes are dropped, or a buffer that overflows",
		Remedy:   "write in a loop until everything is written; stop reading while bytes are owed",
	},
	{
		Classes:  []Class{Corrupt},
		Evidence: []Evidence{Overwritten},
		Meaning:  "Some bytes are replaced by others of the same connection: content is lost and nothing else shows it.",
		Text:     "a buffer that is filled again before its bytes are sent, or sent again before it is filled",
		Remedy:   "keep a buffer until everything in it is sent; send only as many bytes as the read returned",
	},
	{
		Classes:  []Class{Corrupt},
		Evidence: []Evidence{Zeros},
		Meaning:  "Some bytes are replaced by zeros: content is lost and nothing else shows it.",
		Text:     "a buffer that is sent before it is filled, or that is sent in full after a read that filled only a part of it",
		Remedy:   "send only as many bytes as the read returned, and only when it has returned",
	},
	{
		Classes:  []Class{Corrupt},
		Evidence: []Evidence{FlippedBit},
		Meaning:  "Single bits are changed: no content that crosses this path can be trusted.",
		Text:     "memory of a host, or a network card or a router that changes a bit and then computes the checksum (checksum offload)",
		Remedy:   "repeat with the same seed: a program changes the same byte again, hardware another one; test the memory, and run again without the offloads (ethtool -K IF rx off tx off)",
	},
	{
		Classes:  []Class{Corrupt},
		Evidence: []Evidence{LineEnds},
		Meaning:  "Line ends are converted: text passes with other line ends, and binary data is damaged.",
		Text:     "a stream that is opened in text mode, or a terminal on the path (a pty), or an option of a proxy that converts them",
		Remedy:   "open the streams in binary mode (e.g. O_BINARY on Windows); stty raw -echo for a pty; turn the conversion off",
	},
	{
		Classes:  []Class{Corrupt},
		Evidence: []Evidence{SevenBit},
		Meaning:  "Only seven bits of each byte pass: ASCII text comes back unchanged, and everything else is damaged.",
		Text:     "a terminal or a serial line on the path with seven data bits, or a program that clears the highest bit",
		Remedy:   "set eight data bits (stty raw cs8); handle bytes, not characters",
	},
	{
		Classes:  []Class{Corrupt},
		Evidence: []Evidence{DecodedAsText},
		Meaning:  "Only ASCII text passes: bytes of 0x80 and above are changed.",
		Text:     "a server or a proxy that decodes the bytes as text and encodes the text again, e.g. as UTF-8",
		Remedy:   "handle bytes, not strings (Node: no setEncoding; Python: no decode; Java: InputStream, not Reader)",
	},
	{
		Classes: []Class{ExtraBytes},
		Meaning: "Bytes arrive that the client never sent.",
		Text:    "something on the path or in the server inserts bytes: a banner or a header",
		Remedy:  "forward and echo the bytes as they are",
	},
	{
		Classes: []Class{Corrupt},
		Meaning: "Bytes are changed: no content that crosses this path can be trusted.",
		Text:    "something on the path or in the server interprets or converts the bytes, or reuses a buffer too early; less often, memory or a network card changes bits (checksum offload)",
		Remedy:  "run directly and through the path (--direct), to find out which changes them; forward and echo the bytes as they are; run again without the offloads (ethtool -K IF rx off tx off)",
	},
	{
		Classes:  []Class{Timeout, Silent},
		Evidence: []Evidence{Connecting},
		Meaning:  "Connects are not answered.",
		Text:     "a firewall that drops the SYN, a full accept queue, or a limit on connections",
		Remedy:   "look with tcpdump on both sides where the SYN is lost",
	},
	{
		Classes:  []Class{Timeout},
		Evidence: []Evidence{NothingPassed},
		Meaning:  "What is sent does not come back, from the first byte on.",
		Text:     "bytes that are stored instead of forwarded, packets of this size that are dropped, or a server that does not answer any more",
		Remedy:   "run stream/first-byte and stream/size-sweep, and look with tcpdump on both sides where the bytes stay",
	},
	{
		Classes: []Class{Timeout},
		Meaning: "The stream stops: some bytes came back and the rest does not.",
		Text:    "packets of some size that are dropped, or a side that stops reading or forwarding",
		Remedy:  "run stream/size-sweep, and look with tcpdump on both sides where the bytes stay",
	},
	{
		Classes: []Class{Reset},
		Meaning: "The connection is aborted while bytes are still due.",
		Text:    "a process that ends or closes with unread bytes, or a firewall that rejects a packet in the middle of the connection",
		Remedy:  "look with tcpdump on both sides who sends the reset",
	},
	{
		Classes: []Class{PrematureEOF},
		Meaning: "The connection ends while bytes are still due.",
		Text:    "a server or a proxy that closes before everything is sent",
		Remedy:  "close when everything is read and written",
	},
}
