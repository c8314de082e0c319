package ping

import (
	"fmt"
	"time"

	"echod/internal/dial"
)

// Fate is what became of a probe.
type Fate string

const (
	Answered   Fate = "answered"   // in time, once, and every byte is right
	Lost       Fate = "lost"       // not answered in time, or not rightly
	Late       Fate = "late"       // answered after it was lost; it still counts as that
	Duplicated Fate = "duplicated" // answered once more
	Foreign    Fate = "foreign"    // something came that answers no probe of this Prober
)

// Probe is what became known of one probe. Each is first either [Answered] or
// [Lost]; there can be more to tell later.
type Probe struct {
	Fate Fate
	Seq  uint64        // from 1 on, by the time of sending; 0 if Foreign
	Sent time.Time     // zero if Foreign, or if there was no connection to send it on
	At   time.Time     // when this became known
	RTT  time.Duration // from Sent until the last byte was back; 0 if none was

	// Reordered means that a probe that was sent later was answered earlier
	// (RFC 4737, section 3.3). It is not said of duplicates.
	Reordered bool

	// Phases are known if the Prober reconnects.
	Phases Phases

	// Class and Err say why it was lost, or what is wrong besides: with a duplicate,
	// say, or with a stream that has more bytes than were asked for. Class is "" if
	// that is not known.
	Class dial.Class
	Err   error
}

// Phases are the parts of a probe that has a connection of its own. One that was
// not needed or not reached is 0.
type Phases struct {
	DNS       time.Duration // from the name to its addresses
	Connect   time.Duration // from the addresses to a connection, all tries included
	TLS       time.Duration // the handshake
	FirstByte time.Duration // from sending until the first byte of the answer
}

// Link is what happened to the connection, which for datagrams is a socket.
type Link struct {
	Up     bool // it is there; else it broke, or could not be made
	At     time.Time
	Addr   string        // of the peer, "" if there was none
	Phases Phases        // of making it
	Down   time.Duration // how long there was none before, 0 at first

	// Class and Err say why it is not Up. Class is "" if that is not known.
	Class dial.Class
	Err   error
}

// WrongError is the first wrong byte of an answer.
type WrongError struct {
	Offset int    // in the answer
	Got    string // what is there
	Want   string // what was sent
}

func (e *WrongError) Error() string {
	return fmt.Sprintf("wrong byte at %d: got %s, want %s", e.Offset, e.Got, e.Want)
}
