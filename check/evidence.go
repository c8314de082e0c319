package check

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"
)

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
	SlowPath        Evidence = "slow-path"
	Changed         Evidence = "changed"
	Missing         Evidence = "missing"
	Added           Evidence = "added"
	Repeated        Evidence = "repeated"
	Moved           Evidence = "moved"
	OtherConnection Evidence = "other-connection"
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
		{DecodedAsText, "bytes below 0x80 come back, those above as UTF-8"},
		{Connecting, "the connection could not be made"},
		{ConnectionLimit, "while some connections were open, no further one worked"},
		{Burst, "connects at the same time failed, and one a moment later succeeded"},
		{StalledPeer, "the same exchange succeeded when the client that reads nothing had left"},
		{SlowPath, "bytes for other connections still arrived"},
		{Changed, "the bytes were not found anywhere in what was sent"},
		{Missing, "bytes were left out, the bytes after them arrived"},
		{Added, "bytes that were never sent arrived between those that were"},
		{Repeated, "bytes that had arrived before arrived again"},
		{Moved, "the bytes arrived in another order"},
		{OtherConnection, "the bytes belong to another connection, or another datagram socket, of the same rule"},
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

// maxEvidence is how many bytes are read after a wrong byte, to find where the received
// bytes belong, and evidenceTime how long that may take.
const (
	maxEvidence  = 256 << 10
	evidenceTime = 300 * time.Millisecond
)

// readEvidence returns got, which starts at a wrong byte, and what arrives after it.
func (s *stream) readEvidence(got []byte) []byte {
	s.SetReadDeadline(time.Now().Add(evidenceTime))
	all := bytes.Clone(got)
	for buf := make([]byte, 32<<10); len(all) < maxEvidence; {
		n, err := s.Read(buf)
		all = append(all, buf[:n]...)
		if err != nil {
			break
		}
	}
	return all
}

// locate finds where the bytes belong that arrived in place of others: elsewhere in the
// stream of their connection, or in that of another one. It changes the detail and the
// evidence of f.
func (p *probe) locate(f *failure) {
	if f.class != Corrupt || len(f.received) < shiftLen || len(f.due) < shiftLen {
		return
	}
	needle, due := f.received[:shiftLen], f.due[:shiftLen]
	own := p.findStream(due, f.offset)
	if own < 0 {
		return // not a payload, e.g. an opening of stream/binary-exact
	}
	streamLen := f.offset + int64(len(due)) + maxEvidence
	at := indexIn(p.payload(own), needle, streamLen)
	switch {
	case at > f.offset && bytes.Contains(f.received, due):
		f.evidence = Moved
		f.detail += fmt.Sprintf("; the bytes there belong to byte %d: the order changed", at)
	case at > f.offset:
		f.evidence = Missing
		f.restate("%s missing at byte %d", count(int(at-f.offset), "byte is", "bytes are"), f.offset)
	case at >= 0:
		f.evidence = Repeated
		f.detail += fmt.Sprintf("; the bytes there are those of byte %d, which had arrived before", at)
	case p.locateInOthers(f, own, needle, streamLen):
	default:
		if n := bytes.Index(f.received, due); n > 0 {
			f.class, f.evidence = ExtraBytes, Added
			f.restate("%s arrived at byte %d", count(n, "extra byte", "extra bytes"), f.offset)
		}
	}
}

// restate replaces what checkBytes found. The names of cases in front of it stay.
func (f *failure) restate(format string, args ...any) {
	if name, ok := strings.CutSuffix(f.detail, differs(f.offset)); ok {
		f.detail = name + fmt.Sprintf(format, args...)
	}
}

// maxSearch is how many bytes of the other connections are searched.
const maxSearch = 1 << 30

// locateInOthers searches the streams of the other connections of the rule, and reports
// whether one of them has the bytes.
func (p *probe) locateInOthers(f *failure, own int, needle []byte, streamLen int64) bool {
	for i := range min(p.Conns+1, int(maxSearch/streamLen)) {
		if i == own {
			continue
		}
		if at := indexIn(p.payload(i), needle, streamLen); at >= 0 {
			f.evidence = OtherConnection
			f.detail += fmt.Sprintf("; the bytes there are those of byte %d of another connection", at)
			return true
		}
	}
	return false
}

// findStream returns the number of the connection whose payload has due at offset; -1 if
// there is none.
func (p *probe) findStream(due []byte, offset int64) int {
	for i := range p.Conns + 1 {
		stream := p.payload(i)
		io.CopyN(io.Discard, stream, offset)
		if bytes.Equal(nextBytes(stream, len(due)), due) {
			return i
		}
	}
	return -1
}

// indexIn returns where needle begins in the first n bytes of r; -1 if it does not. It keeps
// one block in memory, because n can be gigabytes.
func indexIn(r io.Reader, needle []byte, n int64) int64 {
	block := make([]byte, 0, 1<<20)
	for read := int64(0); read < n; {
		more := int(min(n-read, int64(cap(block)-len(block))))
		io.ReadFull(r, block[len(block):len(block)+more])
		block = block[:len(block)+more]
		read += int64(more)
		if i := bytes.Index(block, needle); i >= 0 {
			return read - int64(len(block)-i)
		}
		block = block[:copy(block, block[max(0, len(block)-len(needle)+1):])]
	}
	return -1
}
