package echotest

import (
	"slices"
	"testing"
	"time"

	"echod/internal/endpoint"
)

// Path describes what a relay does to what passes through it. The zero value is an
// honest path without a delay.
//
// This path is the uplink of a telephone behind a balancer with one bad server out of
// four:
//
//	echotest.Path{
//		ToServer: echotest.Way{Delay: 150 * time.Millisecond, Rate: 100_000},
//		ToClient: echotest.Way{Delay: 150 * time.Millisecond},
//		Faults: []echotest.PathFault{
//			{Conns: echotest.EveryNth(4), Direction: echotest.ToClient, Offset: 5000, Do: echotest.ChangeByte},
//		},
//	}
type Path struct {
	Seed               uint64 // of all random decisions: the same seed gives the same ones
	ToServer, ToClient Way
	Faults             []PathFault

	// This and the rest are for streams.

	// TLS makes the relay a TLS terminator: its clients use tls://, and the server tcp://.
	// It turns a close_notify into a FIN and a FIN into a close_notify, and a FIN of the
	// client without close_notify into a reset. [Server.TLS] trusts its certificate.
	TLS              bool
	OmitsCloseNotify bool // with TLS: ends the client's stream with a FIN and without close_notify

	AcceptsFirst bool // accepts a client even if nothing listens at the server's address
	DropsUrgent  bool // drops urgent data; otherwise, on Linux, it is forwarded in line

	MaxConns     int  // how many connections there may be at the same time; 0 for any number
	Queues       bool // connections above MaxConns wait in the backlog; otherwise they are reset
	LeaksOnReset bool // a connection that ends with a reset counts against MaxConns forever
}

// Way describes one direction of a path.
type Way struct {
	Delay time.Duration // between the arrival of a byte or a FIN and its sending
	Rate  int           // bytes per second of all connections together; 0 for no limit

	// Window is how many bytes are received and not yet sent. It bounds the memory of
	// a direction. When it is used up, nothing more is read from a stream, and further
	// datagrams are dropped. The default is 32 KiB for a stream and 1 MiB for
	// datagrams. A stream moves at most one window in each Delay, and a reset behind a
	// window that is used up is not seen.
	Window int

	StoresUntilFIN bool // sends nothing before the FIN, unless the window is used up
	SendBuffer     int  // SO_SNDBUF of the socket that sends; 0 for the system's default
}

// Event is when a fault of a path can happen.
type Event int

const (
	OnData    Event = iota // bytes or a datagram have arrived
	OnConnect              // the relay has connected to the server; After delays the action
	OnFIN                  // one side has sent a FIN; After delays the action, not the FIN
	OnReset                // one side was reset
	OnIdle                 // nothing was forwarded for After; of datagrams: the client was silent
)

// Direction is a direction of a path.
type Direction int

const (
	Both Direction = iota
	ToServer
	ToClient
)

// Action is what a fault of a path does.
type Action int

const (
	// OnData, and OnFIN for Drop.
	Drop       Action = iota // drops the chunk, or does not forward the FIN
	ChangeByte               // changes the byte at Offset, or one byte of the chunk
	AnswerOK                 // sends "OK" in place of the chunk
	Delay                    // holds the chunk for After, and what follows behind it

	// Every event. A reset can be followed by Hang and Close only.
	Hang  // forwards nothing more on this connection, without a FIN or a reset
	Close // closes both directions, and drops what is not sent yet; forgets a client that sends datagrams
	Reset // resets both directions

	SendBanner     // OnConnect: sends a greeting to the client
	DiscardIfStuck // OnFIN: drops what is not sent yet, if a write takes longer than After

	// OnData, for datagrams.
	Duplicate       // sends the datagram twice
	Reorder         // sends the datagram after the next one
	FromAnotherPort // sends the answer from another port than the client sent to
)

// streamActions and datagramActions list the actions that each event allows.
var (
	streamActions = map[Event][]Action{
		OnData:    {Drop, ChangeByte, AnswerOK, Delay, Hang, Close, Reset},
		OnConnect: {Hang, Close, Reset, SendBanner},
		OnFIN:     {Drop, Hang, Close, Reset, DiscardIfStuck},
		OnReset:   {Hang, Close},
		OnIdle:    {Hang, Close, Reset},
	}
	datagramActions = map[Event][]Action{
		OnData: {Drop, ChangeByte, AnswerOK, Delay, Hang, Duplicate, Reorder, FromAnotherPort},
		OnIdle: {Close},
	}
)

// PathFault is one thing that goes wrong on a path: what happens, on which connections,
// and when. A condition that is not set is always true. Several faults can apply to the
// same bytes, in the order of the list.
type PathFault struct {
	Do Action
	On Event

	// After is the time of OnConnect, OnFIN, OnIdle, Delay and DiscardIfStuck. For all
	// others, the connection must be this old.
	After time.Duration

	Conns     Selection // which connections, counted from 1; of datagrams: which clients
	Direction Direction
	Second    bool // only a FIN that follows the FIN of the other side
	Silent    bool // OnConnect: only if the client has sent neither a byte nor a FIN until then

	// This and the rest are for OnData. A chunk is what one read returns: up to 32 KiB of
	// a stream, or a datagram.
	Chunks           Selection // which chunks of a connection and direction, counted from 1
	MinSize, MaxSize int       // only chunks of MinSize to MaxSize bytes; MaxSize 0 for no limit
	OddSize          bool      // only chunks of an odd number of bytes
	WhileBusy        bool      // only while the relay holds bytes of the other direction
	Offset           int64     // only the chunk with this byte of the connection and direction
	EveryBytes       int64     // once in this many bytes of all connections in a direction
}

// Selection chooses some of the connections or chunks. The zero value chooses all.
type Selection struct {
	nth, every int
	from       int
	chance     float64
}

// Nth chooses the n-th, counted from 1.
func Nth(n int) Selection { return Selection{nth: n} }

// From chooses the n-th and all later ones.
func From(n int) Selection { return Selection{from: n} }

// EveryNth chooses every n-th, as a balancer chooses one of n servers in turn.
func EveryNth(n int) Selection { return Selection{every: n} }

// Chance chooses each with the probability p, at random.
func Chance(p float64) Selection { return Selection{chance: p} }

// NewRelay starts a relay on loopback that forwards to upstream, e.g.
// tcp://127.0.0.1:7 or udp://127.0.0.1:7, as p describes. It forwards every byte, FIN
// and reset of both sides, except for the faults of p. If nothing listens at upstream
// when the relay starts, the URL of the relay is upstream, which refuses too. The relay
// runs until t ends or until [Server.Close]. It is an error of the test if a fault has an
// action that its event or its network does not have.
func NewRelay(t testing.TB, p Path, upstream string) *Server {
	t.Helper()
	u, err := endpoint.Parse(upstream, "tcp", "udp")
	if err != nil {
		t.Fatalf("echotest: relay: %v", err)
	}
	if u.Network == "udp" && p.TLS {
		t.Fatalf("echotest: relay: TLS is not for %s", upstream)
	}
	actions := streamActions
	if u.Network == "udp" {
		actions = datagramActions
	}
	for i, fault := range p.Faults {
		if !slices.Contains(actions[fault.On], fault.Do) {
			t.Fatalf("echotest: relay: fault %d: action %d is not possible for %s at event %d", i, fault.Do, u.Network, fault.On)
		}
	}
	r := &relay{path: p, address: u.Address()}
	if u.Network == "udp" {
		return startDatagrams(t, r.serveDatagrams)
	}
	if !p.AcceptsFirst && !listens(r.address) {
		// Another process could get the port of a relay that is closed.
		refusing := newServer(t, upstream, func() {})
		if p.TLS {
			refusing.url = endpoint.Format("tls", r.address)
		}
		return refusing
	}
	if p.TLS {
		return r.startTLS(t)
	}
	return r.startStreams(t)
}
