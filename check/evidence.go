package check

// Evidence is what was seen of a failure beyond its class, in one word that programs can
// rely on. [Evidences] says what each means. A likely cause may require it.
type Evidence string

const (
	NothingPassed   Evidence = "nothing-passed"
	SizeLimit       Evidence = "size-limit"
	Lines           Evidence = "lines"
	DecodedAsText   Evidence = "decoded-as-text"
	Connecting      Evidence = "connecting"
	ConnectionLimit Evidence = "connection-limit"
	Burst           Evidence = "burst"
	StalledPeer     Evidence = "stalled-peer"
	Changed         Evidence = "changed"
	Missing         Evidence = "missing"
	Added           Evidence = "added"
	Repeated        Evidence = "repeated"
	Moved           Evidence = "moved"
	Overwritten     Evidence = "overwritten"
	OtherConnection Evidence = "other-connection"
	Zeros           Evidence = "zeros"
	FlippedBit      Evidence = "flipped-bit"
	LineEnds        Evidence = "line-ends"
	SevenBit        Evidence = "seven-bit"
	SomeConnections Evidence = "some-connections"
	LongPackets     Evidence = "long-packets"
	ShortFragments  Evidence = "short-fragments"
	Fragments       Evidence = "fragments"
	PacketLimit     Evidence = "packet-limit"
	DatagramLimit   Evidence = "datagram-limit"
	LossBySize      Evidence = "loss-by-size"
	Stopped         Evidence = "stopped"
	Terminator      Evidence = "terminator"
	SourceLimit     Evidence = "source-limit"
	SourceChanged   Evidence = "source-changed"
	FINLost         Evidence = "fin-lost"
	AnswerLost      Evidence = "answer-lost"
	KeepaliveHelps  Evidence = "keepalive-helps"
)

// EvidenceMeaning is a kind of evidence and what it means.
type EvidenceMeaning struct {
	Evidence Evidence
	Meaning  string
}

// Evidences returns all kinds of evidence, in the order of docs/rules.md.
func Evidences() []EvidenceMeaning {
	return []EvidenceMeaning{
		{NothingPassed, "not one byte had come back on that connection, or not one datagram"},
		{SizeLimit, "messages up to some size come back, longer ones hang"},
		{Lines, "a byte with a line end comes back, one without hangs"},
		{DecodedAsText, "ASCII text comes back; bytes of 0x80 and above come back as UTF-8 or as question marks"},
		{Connecting, "the connection could not be made"},
		{ConnectionLimit, "while some connections were open, no further one worked"},
		{Burst, "connects at the same time failed, and one a moment later succeeded"},
		{StalledPeer, "the same exchange succeeded when the client that reads nothing had left"},
		{Changed, "the bytes were not found anywhere in what was sent, and nothing below explains them"},
		{Missing, "bytes were left out, the bytes after them arrived"},
		{Added, "bytes that were never sent arrived between those that were"},
		{Repeated, "bytes that had arrived before arrived again"},
		{Moved, "the bytes arrived in another order"},
		{Overwritten, "bytes of another place of the same connection arrived in place of others, and the bytes after them are right"},
		{OtherConnection, "the bytes belong to another connection, or another datagram socket, of the same rule"},
		{Zeros, "zero bytes arrived in place of others, and the bytes after them are right"},
		{FlippedBit, "one bit of a byte is wrong, and the bytes after it are right"},
		{LineEnds, "line ends are converted: LF to CR LF, CR LF to LF, or CR to LF"},
		{SevenBit, "the highest bit of every byte is cleared"},
		{SomeConnections, "the same passed on other connections, or another rule sent more on another and got everything back"},
		{LongPackets, "datagrams in one long packet are lost, longer ones, in fragments, come back"},
		{ShortFragments, "datagrams are lost whose last fragment has less than 8 bytes"},
		{Fragments, "all datagrams that need fragments are lost"},
		{PacketLimit, "all datagrams above a size that fits into one packet are lost"},
		{DatagramLimit, "all datagrams above a size that needs fragments are lost"},
		{LossBySize, "some sizes are lost more often than others, but not always"},
		{Stopped, "from some moment on, e.g. after an empty datagram, nothing comes back"},
		{Terminator, "TLS ends before the agent: a TLS terminator is on the path"},
		{SourceLimit, "nothing comes back any more to sockets that have sent some datagrams; new ones are answered"},
		{SourceChanged, "answers came from the right address first, then from another one"},
		{FINLost, "the agent received everything and no FIN"},
		{AnswerLost, "the agent received everything and the FIN, and sent an answer that did not arrive"},
		{KeepaliveHelps, "with keepalive at both ends, the same exchange succeeded"},
	}
}
